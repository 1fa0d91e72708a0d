# For ~/.bashrc or ~/.zshrc: tells Dayfly each folder that the shell enters, as the event
# `directory` with { "path": "…" }. Without a running engine nothing happens.

__dayfly_directory() {
  [ "$PWD" = "${__dayfly_last-}" ] && return
  __dayfly_last=$PWD
  # JSON knows no other signs that need care in a path but these and controls, which are left out.
  local folder=${PWD//[[:cntrl:]]/}
  folder=${folder//\\/\\\\}
  folder=${folder//\"/\\\"}
  (dayfly emit directory --data "{\"path\": \"$folder\"}" >/dev/null 2>&1 &)
}

if [ -n "${ZSH_VERSION-}" ]; then
  autoload -Uz add-zsh-hook && add-zsh-hook chpwd __dayfly_directory
  __dayfly_directory
else
  PROMPT_COMMAND="__dayfly_directory${PROMPT_COMMAND:+;$PROMPT_COMMAND}"
fi
