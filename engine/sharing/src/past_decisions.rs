//! What a newer version of an entry would have said of what was recorded.

use dayfly_core::policy::EntryName;
use dayfly_dialog::CliError;
use dayfly_host::policies::Configured;
use dayfly_policy::Policy;
use dayfly_runtime::Home;
use dayfly_runtime::replay::{self, News, Which};
use dayfly_views::replayed;
use serde_json::{Value, json};

/// Differences that are shown.
const SHOWN: usize = 20;

/// What came of it.
pub struct Rehearsed {
    /// For a person.
    pub text: String,
    /// For a program; none where nothing was recorded.
    pub json: Option<Value>,
}

/// Asks the newer version what the entry was asked.
pub fn of(home: &Home, entry: &str, policy: &Policy) -> Result<Rehearsed, CliError> {
    let entry = EntryName::new(entry);
    let which = Which {
        entries: Some([entry.clone()].into()),
        since: None,
    };
    let (mut shown, mut count) = (Vec::new(), 0usize);
    let mut newer = Configured([(entry, policy.clone())].into());
    let tally = replay::replay(&home.recording(), &which, &mut newer, &mut |news| {
        if let News::Differs(difference) = news {
            count += 1;
            if shown.len() < SHOWN {
                shown.push(*difference);
            }
        }
    });
    let tally =
        tally.map_err(|e| CliError::failed(format!("Dayfly cannot read the recording: {e}")))?;
    if tally.evaluations == 0 {
        let text = "  replay    the recording has nothing of this entry; turn it on in [recording] \
                    of dayfly.toml\n";
        return Ok(Rehearsed {
            text: text.to_owned(),
            json: None,
        });
    }
    let mut text = String::new();
    for line in shown.iter().map(replayed::line) {
        text += &format!("  replay    {line}");
    }
    if count > shown.len() {
        text += &format!("  replay    … and {} more\n", count - shown.len());
    }
    for line in replayed::tally(&tally).lines() {
        text += &format!("  replay    {line}\n");
    }
    Ok(Rehearsed {
        text,
        json: Some(json!({ "tally": tally, "differences": shown })),
    })
}
