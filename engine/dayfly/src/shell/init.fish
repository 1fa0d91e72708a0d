# What `dayfly use` needs: the lines that it prints change this shell.
function dayfly --description 'Keeps temporary cloud credentials alive'
    if test "$argv[1]" != use
        @PROGRAM@ $argv
        return
    end
    if contains -- -h $argv; or contains -- --help $argv; or contains -- --print $argv
        @PROGRAM@ $argv
        return
    end
    set -l dayfly_lines (@PROGRAM@ use --print --shell fish $argv[2..])
    or return
    string join \n -- $dayfly_lines | source
end

# Credentials from the engine are renewed: prompts are told until when the present ones last.
function __dayfly_before_prompt --on-event fish_prompt
    if test -n "$DAYFLY_SESSION" -a -n "$AWS_CONTAINER_CREDENTIALS_FULL_URI"
        set -l dayfly_until (@PROGRAM@ prompt --format '{until}' 2>/dev/null)
        test -n "$dayfly_until"; and set -gx AWS_SESSION_EXPIRATION $dayfly_until
    end
end

function __dayfly_complete
    set -l dayfly_words (commandline -opc)
    # What stands behind `exec … --` is a command line of its own.
    if test "$dayfly_words[2]" = exec; and contains -- -- $dayfly_words
        set -l dayfly_at (contains -i -- -- $dayfly_words)
        set -l dayfly_rest (string escape -- $dayfly_words[(math $dayfly_at + 1)..])
        complete -C "$(string join ' ' -- $dayfly_rest (commandline -ct))"
        return
    end
    @PROGRAM@ complete-words fish $dayfly_words[2..] (string unescape -- (commandline -ct); or echo) 2>/dev/null
end
complete -c dayfly -e
complete -c dayfly -f -a '(__dayfly_complete)'
