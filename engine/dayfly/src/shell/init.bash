# What `dayfly use` needs: the lines that it prints change this shell.
unalias dayfly 2>/dev/null
dayfly() {
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
  dayfly_word="$(@PROGRAM@ use --print --shell bash "$@")" || return
  eval "$dayfly_word"
}

# Credentials from the engine are renewed: prompts are told until when the present ones last.
__dayfly_before_prompt() {
  local dayfly_code=$? dayfly_until
  if [[ -n "${DAYFLY_SESSION-}" && -n "${AWS_CONTAINER_CREDENTIALS_FULL_URI-}" ]]; then
    dayfly_until="$(@PROGRAM@ prompt --format '{until}' 2>/dev/null)"
    [[ -n "$dayfly_until" ]] && export AWS_SESSION_EXPIRATION="$dayfly_until"
  fi
  return "$dayfly_code"
}
if [[ "$(declare -p PROMPT_COMMAND 2>/dev/null)" == "declare -a"* ]]; then
  [[ " ${PROMPT_COMMAND[*]} " == *__dayfly_before_prompt* ]] ||
    PROMPT_COMMAND=(__dayfly_before_prompt "${PROMPT_COMMAND[@]}")
elif [[ "${PROMPT_COMMAND-}" != *__dayfly_before_prompt* ]]; then
  PROMPT_COMMAND="__dayfly_before_prompt${PROMPT_COMMAND:+;$PROMPT_COMMAND}"
fi

__dayfly_complete() {
  local dayfly_line dayfly_word
  # What stands behind `exec … --` is a command line of its own.
  if [[ "${COMP_WORDS[1]-}" == exec ]] && declare -F _command_offset >/dev/null; then
    for ((dayfly_word = 2; dayfly_word < COMP_CWORD; dayfly_word++)); do
      if [[ "${COMP_WORDS[dayfly_word]}" == -- ]]; then
        _command_offset $((dayfly_word + 1))
        return
      fi
    done
  fi
  COMPREPLY=()
  while IFS= read -r dayfly_line; do
    COMPREPLY+=("$dayfly_line")
  done < <(@PROGRAM@ complete-words bash "${COMP_LINE:0:COMP_POINT}" "${COMP_WORDS[COMP_CWORD]-}" 2>/dev/null)
}
complete -o bashdefault -o default -F __dayfly_complete dayfly
