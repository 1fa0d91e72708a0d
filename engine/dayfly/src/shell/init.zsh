# What `dayfly use` needs: the lines that it prints change this shell.
unalias dayfly 2>/dev/null
function dayfly {
  if [[ "${1-}" != use ]]; then
    @PROGRAM@ "$@"
    return
  fi
  shift
  local dayfly_word
  for dayfly_word in "$@"; do
    case "$dayfly_word" in
      -h | --help | --print)
        @PROGRAM@ use "$@"
        return
        ;;
    esac
  done
  dayfly_word="$(@PROGRAM@ use --print --shell zsh "$@")" || return
  eval "$dayfly_word"
}

# Credentials from the engine are renewed: prompts are told until when the present ones last.
function __dayfly_before_prompt {
  if [[ -n "${DAYFLY_SESSION-}" && -n "${AWS_CONTAINER_CREDENTIALS_FULL_URI-}" ]]; then
    local dayfly_until
    dayfly_until="$(@PROGRAM@ prompt --format '{until}' 2>/dev/null)"
    [[ -n "$dayfly_until" ]] && export AWS_SESSION_EXPIRATION="$dayfly_until"
  fi
}
typeset -ga precmd_functions
(( ${precmd_functions[(Ie)__dayfly_before_prompt]} )) || precmd_functions=(__dayfly_before_prompt $precmd_functions)

function __dayfly_complete {
  # What stands behind `exec … --` is a command line of its own.
  if [[ "${words[2]-}" == exec ]]; then
    local -i dayfly_at=${words[(ie)--]}
    if (( dayfly_at < CURRENT )); then
      shift dayfly_at words
      (( CURRENT -= dayfly_at ))
      _normal
      return
    fi
  fi
  local -a dayfly_values dayfly_shown
  local dayfly_line
  while IFS= read -r dayfly_line; do
    dayfly_values+=("${dayfly_line%%$'\t'*}")
    dayfly_shown+=("${dayfly_line/$'\t'/  -- }")
  done < <(@PROGRAM@ complete-words zsh "${(@Q)words[2,CURRENT]}" 2>/dev/null)
  if (( ${#dayfly_values} )); then
    compadd -l -d dayfly_shown -a -- dayfly_values
  else
    _files
  fi
}
(( $+functions[compdef] )) && compdef __dayfly_complete dayfly
