#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/threadctl/command.h"

namespace threadstore::threadctl {
namespace {

// A flag that takes a value is written with its type: `--output=table|json`, `--file=FILE`.
constexpr absl::string_view kBegin = R"bash(# Completes the command lines of threadctl in bash.
# Printed by `threadctl completion bash`.

# What can stand behind a command, besides what can stand behind the command it is part of.
_threadctl_follow() {
  case $1 in
)bash";

constexpr absl::string_view kEnd = R"bash(  esac
}

_threadctl() {
  local command=threadctl verbs='' flags='' candidates='' type word i IFS=$' \t\n'
  local current=${COMP_WORDS[COMP_CWORD]}
  # Bash takes --flag=value for three words.
  [[ $current != = ]] || current=''
  COMPREPLY=()
  _threadctl_follow "$command"
  for ((i = 1; i < COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    if [[ " $flags " =~ " $word="([^ ]+)" " ]]; then
      type=${BASH_REMATCH[1]}
      ((++i))
      [[ ${COMP_WORDS[i]} != = ]] || ((++i))
    elif [[ " $verbs " == *" $word "* ]]; then
      command+=" $word"
      verbs=''
      _threadctl_follow "$command"
    fi
  done
  if ((i == COMP_CWORD)); then
    if [[ $current == -* ]]; then candidates=$flags; else candidates=$verbs; fi
  elif [[ $type == *'|'* ]]; then
    candidates=${type//|/ }
  elif [[ $type == FILE ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
  for word in $candidates; do
    [[ $word != *=* ]] || word=${word%%=*}=
    [[ $word != "$current"* ]] || COMPREPLY+=("$word")
  done
  [[ ${COMPREPLY[*]} != *= ]] || compopt -o nospace 2>/dev/null
}

complete -F _threadctl threadctl
)bash";

std::string Flags(const CLI::App& app) {
  std::string flags;
  for (const CLI::Option* option : app.get_options()) {
    // Every command has its own --help; the first one's will do.
    if (option == app.get_help_ptr() && app.get_parent() != nullptr) continue;
    const std::string type = option->get_type_name();
    for (const std::string& name : option->get_lnames()) {
      absl::StrAppend(&flags, " --", name, type.empty() ? "" : "=", type);
    }
  }
  return flags;
}

// The cases of _threadctl_follow for the command at `path` and all that are part of it.
std::string Cases(const CLI::App& app, const std::string& path) {
  const auto verbs = app.get_subcommands({});
  const std::string names = absl::StrJoin(
      verbs, " ", [](std::string* out, const CLI::App* verb) { out->append(verb->get_name()); });
  std::string cases =
      absl::StrCat("    '", path, "') verbs='", names, "' flags+='", Flags(app), "' ;;\n");
  for (const CLI::App* verb : verbs) {
    absl::StrAppend(&cases, Cases(*verb, absl::StrCat(path, " ", verb->get_name())));
  }
  return cases;
}

}  // namespace

void AddCompletionCommand(CLI::App& app, std::string* script) {
  CLI::App* noun = AddNoun(app, "completion", "Completion of command lines by the shell");
  CLI::App* verb = AddVerb(*noun, "bash", "Prints the script that completes threadctl in bash.",
                           "Example:\n"
                           "  source <(threadctl completion bash)");
  verb->callback(
      [&app, script] { *script = absl::StrCat(kBegin, Cases(app, app.get_name()), kEnd); });
}

}  // namespace threadstore::threadctl
