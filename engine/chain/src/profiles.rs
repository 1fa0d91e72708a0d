//! Publishing into, retracting from and reading back the text of a credentials or config file.
//! Pure: bytes in, bytes out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use dayfly_awsfiles::ini::{Document, Ending, Kind, Line, Section};
use dayfly_awsfiles::raw;
use dayfly_core::session::SessionId;
use zeroize::Zeroizing;

use crate::error::ChainError;
use crate::form::Form;
use crate::keys;
use crate::process::Process;
use crate::section::{self, Frame, Ours};
use crate::target::{Change, Observed, Publication};

/// Keys of ours that no client reads.
const MARKS: [&str; 4] = [keys::EXPIRES, keys::SESSION, keys::ISSUED, keys::WROTE];

/// The text of a shared file, taken apart for any number of changes.
#[derive(Debug)]
pub struct Profiles<'a> {
    path: PathBuf,
    form: Form,
    home: Option<String>,
    source: &'a [u8],
    document: Document<'a>,
    /// Sections by profile; may still name some that are gone.
    named: HashMap<Vec<u8>, Vec<usize>>,
    /// Sections by session; may still name some that are another's by now.
    held: HashMap<SessionId, Vec<usize>>,
    /// Whether the text is one that clients read, once somebody had to know.
    readable: Option<Result<(), ChainError>>,
}

impl<'a> Profiles<'a> {
    /// Takes the text of a credentials file apart; the path is for messages.
    #[must_use]
    pub fn parse(path: &Path, source: &'a [u8]) -> Self {
        Self::parse_for(path, source, None)
    }

    /// The same for one of several Dayflys that write into the file, each under a word of its
    /// own: what the others wrote is left alone. Without a word all of it is taken for ours.
    #[must_use]
    pub fn parse_for(path: &Path, source: &'a [u8], home: Option<&str>) -> Self {
        Self::parse_as(Form::Credentials, path, source, home)
    }

    /// Profiles in a config file, which run this process.
    #[must_use]
    pub fn parse_config(
        path: &Path,
        source: &'a [u8],
        home: Option<&str>,
        process: &Process,
    ) -> Self {
        Self::parse_as(Form::Config(process.clone()), path, source, home)
    }

    pub(crate) fn parse_as(form: Form, path: &Path, source: &'a [u8], home: Option<&str>) -> Self {
        let mut document = Document::parse(source);
        let mut named: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        let mut held: HashMap<SessionId, Vec<usize>> = HashMap::new();
        for at in 0..document.sections.len() {
            let section = &document.sections[at];
            let Some(name) = &section.name else { continue };
            for profile in form.profiles(name) {
                named.entry(profile).or_default().push(at);
            }
            let Some(ours) = Ours::of(section).filter(|ours| is_of(ours, home)) else {
                continue;
            };
            // The empty line that we put above our section goes with it.
            if ours.wrote.blank
                && let Some(above) = document.sections[at - 1]
                    .lines
                    .pop_if(|line| line.text().is_empty())
            {
                document.sections[at].lines.insert(0, above);
            }
            held.entry(ours.session).or_default().push(at);
        }
        Self {
            path: path.to_owned(),
            form,
            home: home.map(str::to_owned),
            source,
            document,
            named,
            held,
            readable: None,
        }
    }

    /// The text after all changes.
    #[must_use]
    pub fn render(&self) -> Zeroizing<Vec<u8>> {
        self.document.render()
    }

    /// Makes one change.
    ///
    /// # Errors
    /// The change is refused; nothing is changed then.
    pub fn apply(&mut self, change: &Change) -> Result<(), ChainError> {
        match change {
            Change::Publish(publication) => self.publish(publication),
            Change::Retract { session } => {
                self.retract(session, None);
                Ok(())
            }
        }
    }

    /// What is there of ours and whole.
    #[must_use]
    pub fn observe(&self) -> Vec<Observed> {
        let sections = self.document.sections.iter();
        sections
            .filter(|section| section.name.is_some())
            .filter_map(|section| {
                let ours = Ours::of(section)?;
                let home = self.home.as_deref();
                is_of(&ours, home).then(|| self.observed(&ours, section))?
            })
            .collect()
    }

    fn observed(&self, ours: &Ours, section: &Section<'_>) -> Option<Observed> {
        let Form::Config(process) = &self.form else {
            return ours.observe(section);
        };
        // One that runs another program, or lost a line, is not whole.
        let line = process.line(ours.session.as_str()).ok()?;
        let pairs = ours.pairs(section);
        let wanted = (keys::PROCESS.as_bytes(), line.as_bytes());
        let name = self
            .form
            .profiles(section.name.as_deref()?)
            .into_iter()
            .next()?;
        pairs.contains(&wanted).then_some(Observed {
            session: ours.session.clone(),
            profile: String::from_utf8(name).ok()?,
            credentials: None,
        })
    }

    /// Whether anything is there of this session, whole or not.
    #[must_use]
    pub fn holds(&self, session: &SessionId) -> bool {
        self.held.contains_key(session)
    }

    /// Whether anything is there of ours, whole or not.
    #[must_use]
    pub fn holds_any(&self) -> bool {
        let mut sections = self.document.sections.iter();
        sections.any(|section| section.name.is_some() && Ours::of(section).is_some())
    }

    fn publish(&mut self, publication: &Publication) -> Result<(), ChainError> {
        self.readable()?;
        let at = match self.own_section(&publication.profile)? {
            None => self.append(publication)?,
            Some(at) => {
                self.fill(at, publication)?;
                at
            }
        };
        self.retract(&publication.session, Some(at));
        for session in &publication.displaced {
            self.retract(session, None);
        }
        Ok(())
    }

    /// The section of a profile, where there is one and it may be written.
    fn own_section(&self, profile: &str) -> Result<Option<usize>, ChainError> {
        let sections = &self.document.sections;
        let named = self.named.get(profile.as_bytes());
        let places = named.into_iter().flatten().copied();
        let places: Vec<usize> = places.filter(|at| sections[*at].name.is_some()).collect();
        for at in &places {
            self.refuse_foreign(*at, profile)?;
        }
        match places.as_slice() {
            [] => Ok(None),
            [at] => Ok(Some(*at)),
            [_, second, ..] => {
                let problem = "the profile is in the file twice, and clients differ on which one \
                               they use; merge the two sections";
                Err(self.unclear_at(first_line(&sections[*second]), problem))
            }
        }
    }

    /// Why nothing could be published under this profile, where that is so.
    #[must_use]
    pub fn blocked(&self, profile: &str) -> Option<ChainError> {
        self.own_section(profile).err()
    }

    /// Nothing is added to a file that clients do not read, or that they read in different ways.
    fn readable(&mut self) -> Result<(), ChainError> {
        if let Some(known) = &self.readable {
            return known.clone();
        }
        let faults = raw(self.source).err();
        let found = match (faults, lone_return(&self.document)) {
            (Some(faults), _) => Err(ChainError::Unreadable {
                path: self.path.clone(),
                fault: faults.first().clone(),
            }),
            (None, Some(line)) => {
                let problem = "there is a carriage return inside the line, where some clients see \
                               a new line; remove it";
                Err(self.unclear_at(line, problem))
            }
            (None, None) => Ok(()),
        };
        self.readable = Some(found.clone());
        found
    }

    fn unclear_at(&self, line: usize, problem: &'static str) -> ChainError {
        ChainError::Unclear {
            path: self.path.clone(),
            line,
            problem,
        }
    }

    /// Keeps a person's keys from being lost or shadowed.
    fn refuse_foreign(&self, at: usize, profile: &str) -> Result<(), ChainError> {
        let section = &self.document.sections[at];
        let ours = Ours::of(section);
        if let Some(ours) = &ours
            && !is_of(ours, self.home.as_deref())
        {
            return Err(ChainError::OtherHome {
                path: self.path.clone(),
                profile: profile.to_owned(),
                line: first_line(section),
            });
        }
        for (index, line) in section.lines.iter().enumerate() {
            if ours.as_ref().is_some_and(|ours| ours.owned[index]) {
                continue;
            }
            let among = |keys: &[&str]| keys.iter().any(|key| line.is_key(key));
            if among(self.form.written()) || (ours.is_none() && among(self.form.other_ways())) {
                let (key, _) = line.pair().unwrap_or_default();
                return Err(ChainError::ForeignProfile {
                    path: self.path.clone(),
                    profile: profile.to_owned(),
                    line: line.number,
                    key: String::from_utf8_lossy(key).into_owned(),
                });
            }
            if among(&MARKS) {
                let problem = "this line is where Dayfly writes its own lines; remove it";
                return Err(self.unclear_at(line.number, problem));
            }
        }
        let name = section.name.as_deref().unwrap_or_default();
        if !self.form.is_plain(name, profile) {
            let problem = "clients differ on spaces between the brackets; remove them";
            return Err(self.unclear_at(first_line(section), problem));
        }
        Ok(())
    }

    /// Adds a section at the end.
    fn append(&mut self, publication: &Publication) -> Result<usize, ChainError> {
        let blank = !self.document.is_empty();
        let frame = Frame {
            header: true,
            blank,
            with_region: true,
            home: self.home.as_deref(),
        };
        let pairs = section::pairs(&self.form, publication, &frame)?;
        let ending = self.document.ending;
        let mut lines = Vec::with_capacity(pairs.len() + 2);
        lines.extend(blank.then(|| Line::blank(ending)));
        let header = self.form.header(&publication.profile);
        lines.push(Line::header(&header, ending));
        lines.extend(pairs.iter().map(|(k, v)| Line::key(k, v, ending)));
        let at = self.document.sections.len();
        self.document.sections.push(Section {
            name: Some(header.into_bytes()),
            lines,
        });
        let profile = publication.profile.clone().into_bytes();
        self.named.entry(profile).or_default().push(at);
        self.hold(publication, at);
        Ok(at)
    }

    /// Puts our lines into a section, in the place of earlier ones.
    fn fill(&mut self, at: usize, publication: &Publication) -> Result<(), ChainError> {
        let section = &self.document.sections[at];
        let ours = Ours::of(section);
        let frame = ours.as_ref().map(|ours| &ours.wrote);
        let (header, blank) = frame.map_or((false, false), |wrote| (wrote.section, wrote.blank));
        let owned = |index: usize| ours.as_ref().is_some_and(|ours| ours.owned[index]);
        let lines = section.lines.iter().enumerate();
        let mut theirs = lines.clone().filter(|(index, _)| !owned(*index));
        let with_region = !theirs.any(|(_, line)| line.is_key(keys::REGION));
        let frame = Frame {
            header,
            blank,
            with_region,
            home: self.home.as_deref(),
        };
        let pairs = section::pairs(&self.form, publication, &frame)?;
        let place = match lines.clone().find(|(index, _)| owned(*index)) {
            Some((first, _)) => first,
            None => {
                if let Some(line) = self.indented_header_after(at) {
                    let problem = "this section is indented, so clients would read it as part of \
                                   the profile above; remove the spaces before it";
                    return Err(self.unclear_at(line, problem));
                }
                let mut significant = lines.rev().filter(|(_, line)| !is_filler(line));
                significant.next().map_or(0, |(index, _)| index + 1)
            }
        };
        let same = ours.as_ref().is_some_and(|ours| {
            let mut there = ours.pairs(section);
            let mut wanted: Vec<_> = pairs
                .iter()
                .map(|(key, value)| (key.as_bytes(), value.as_bytes()))
                .collect();
            there.sort_unstable();
            wanted.sort_unstable();
            there == wanted
        });
        if same {
            return Ok(());
        }
        let above = place.checked_sub(1).map(|above| &section.lines[above]);
        let ending = above.and_then(|line| line.ending);
        let ending = ending.unwrap_or(self.document.ending);
        let mut new = pairs.iter().map(|(k, v)| Line::key(k, v, ending));
        let old = std::mem::take(&mut self.document.sections[at].lines);
        let mut lines = Vec::with_capacity(old.len() + pairs.len());
        let end = old.len();
        for (index, line) in old.into_iter().enumerate() {
            if index == place {
                lines.extend(new.by_ref());
            }
            if !ours.as_ref().is_some_and(|ours| ours.owned[index]) {
                lines.push(line);
            }
        }
        debug_assert!(place <= end);
        lines.extend(new);
        self.document.sections[at].lines = lines;
        self.hold(publication, at);
        Ok(())
    }

    fn hold(&mut self, publication: &Publication, at: usize) {
        let held = self.held.entry(publication.session.clone()).or_default();
        if !held.contains(&at) {
            held.push(at);
        }
    }

    /// The line of the next header, where white space stands before it.
    fn indented_header_after(&self, at: usize) -> Option<usize> {
        let mut below = self.document.sections[at + 1..].iter();
        let next = below.find(|section| section.name.is_some())?;
        let header = next.lines.iter().find(|line| line.kind == Kind::Header)?;
        header.is_indented().then_some(header.number)
    }

    /// Removes what is ours in the sections that a session holds, but for one.
    fn retract(&mut self, session: &SessionId, except: Option<usize>) {
        let Some(held) = self.held.get_mut(session) else {
            return;
        };
        let mut places = std::mem::take(held);
        if let Some(kept) = except {
            places.retain(|at| *at != kept);
            held.push(kept);
        }
        for at in places {
            let section = &mut self.document.sections[at];
            let home = self.home.as_deref();
            let ours = Ours::of(section).filter(|ours| ours.session == *session);
            if let Some(ours) = ours.filter(|ours| is_of(ours, home)) {
                take_out(section, &ours);
            }
        }
    }
}

/// Whether this Dayfly wrote it. What has no word is from before there were words.
fn is_of(ours: &Ours, home: Option<&str>) -> bool {
    let wrote = ours.wrote.home.as_deref();
    home.is_none() || wrote.is_none() || wrote == home
}

/// Removes our lines, and the section's frame where it is ours and nothing else is in it.
fn take_out(section: &mut Section<'_>, ours: &Ours) {
    let last = ours.owned.iter().rposition(|owned| *owned).unwrap_or(0);
    let mut used = false;
    for (index, line) in section.lines.iter().enumerate() {
        used |= match line.kind {
            Kind::Key { .. } | Kind::Continuation | Kind::Other => !ours.owned[index],
            // Comments below all of our lines may be about what follows.
            Kind::Comment => index < last,
            Kind::Blank | Kind::Header => false,
        };
    }
    let mut owned = ours.owned.iter();
    section
        .lines
        .retain(|_| !owned.next().copied().unwrap_or(false));
    if used || !ours.wrote.section {
        return;
    }
    let header = section
        .lines
        .iter()
        .position(|line| line.kind == Kind::Header);
    // Above the header stands at most the empty line that we put there.
    if let Some(header) = header {
        section.lines.drain(..=header);
    }
    section.name = None;
}

fn is_filler(line: &Line<'_>) -> bool {
    matches!(line.kind, Kind::Blank | Kind::Comment)
}

fn first_line(section: &Section<'_>) -> usize {
    let header = section.lines.iter().find(|line| line.kind == Kind::Header);
    header.map_or(0, |line| line.number)
}

/// The first line that only some clients take for one: it ends with a carriage return alone.
fn lone_return(document: &Document<'_>) -> Option<usize> {
    let mut lines = document.sections.iter().flat_map(|section| &section.lines);
    let found = lines.find(|line| line.ending == Some(Ending::Cr))?;
    Some(found.number)
}

#[cfg(test)]
#[path = "profiles_tests.rs"]
mod tests;
