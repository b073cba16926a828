#compdef hostsync

autoload -U is-at-least

_hostsync() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'--config=[Read settings from this TOML file; its keys are the long flags of hostsync]:FILE:_files' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_hostsync_commands" \
"*::: :->hostsync" \
&& ret=0
    case $state in
    (hostsync)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:hostsync-command-$line[1]:"
        case $line[1] in
            (run)
_arguments "${_arguments_options[@]}" : \
'-z+[The servers, and a chroot if any]:HOST:PORT[,HOST:PORT…][/CHROOT]:_default' \
'--zookeeper=[The servers, and a chroot if any]:HOST:PORT[,HOST:PORT…][/CHROOT]:_default' \
'(--auth-file)--auth=[Authenticate with the digest scheme; prefer --auth-file or the variable, since everyone on the machine sees a command line]:USER:PASSWORD:_default' \
'--auth-file=[Authenticate with USER\:PASSWORD from the first line of this file]:FILE:_files' \
'--session-timeout=[How long ZooKeeper keeps the session of a client that it does not hear from; also the deadline of each request]:DURATION:_default' \
'--state=[The znode below which nameserver keeps its own; the names are in its child '\''hosts'\'']:PATH:_default' \
'*--select=[Only names that match this glob, such as '\''*.db'\'' (repeatable)]:GLOB:_default' \
'--hosts-file=[The hosts file; it need not exist]:FILE:_files' \
'--write=[How the hosts file is written; readers never see half of a change either way]:WAY:((auto\:"Replace the file where that is possible, else write in slots"
replace\:"Only ever replace the file"
slots\:"Write in slots"))' \
'--cache=[Keep the last good snapshot here, to start without ZooKeeper \[default\: for /etc/hosts, /var/cache/hostsync/etc-hosts.json; without root, below ~/.cache/hostsync\]]:FILE:_files' \
'--id=[The name of this agent below STATE/agents, where it tells what it has applied \[default\: the host name\]]:NAME:_default' \
'--pid-file=[Lock this file and write the process id there \[default with --daemon\: /run/hostsync.pid\]]:FILE:_files' \
'--log-file=[Log to this file, reopened on SIGHUP \[default\: stderr; with --daemon\: /var/log/hostsync.log\]]:FILE:_files' \
'--log-level=[Log messages of this level and above; from debug on also those of libraries]:LEVEL:(error warn info debug trace)' \
'--config=[Read settings from this TOML file; its keys are the long flags of hostsync]:FILE:_files' \
'--daemon[Go to the background]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(once)
_arguments "${_arguments_options[@]}" : \
'-z+[The servers, and a chroot if any]:HOST:PORT[,HOST:PORT…][/CHROOT]:_default' \
'--zookeeper=[The servers, and a chroot if any]:HOST:PORT[,HOST:PORT…][/CHROOT]:_default' \
'(--auth-file)--auth=[Authenticate with the digest scheme; prefer --auth-file or the variable, since everyone on the machine sees a command line]:USER:PASSWORD:_default' \
'--auth-file=[Authenticate with USER\:PASSWORD from the first line of this file]:FILE:_files' \
'--session-timeout=[How long ZooKeeper keeps the session of a client that it does not hear from; also the deadline of each request]:DURATION:_default' \
'--state=[The znode below which nameserver keeps its own; the names are in its child '\''hosts'\'']:PATH:_default' \
'*--select=[Only names that match this glob, such as '\''*.db'\'' (repeatable)]:GLOB:_default' \
'--hosts-file=[The hosts file; it need not exist]:FILE:_files' \
'--write=[How the hosts file is written; readers never see half of a change either way]:WAY:((auto\:"Replace the file where that is possible, else write in slots"
replace\:"Only ever replace the file"
slots\:"Write in slots"))' \
'--cache=[Keep the last good snapshot here, to start without ZooKeeper \[default\: for /etc/hosts, /var/cache/hostsync/etc-hosts.json; without root, below ~/.cache/hostsync\]]:FILE:_files' \
'--timeout=[Give up when ZooKeeper has not answered after this time]:DURATION:_default' \
'--config=[Read settings from this TOML file; its keys are the long flags of hostsync]:FILE:_files' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(lookup)
_arguments "${_arguments_options[@]}" : \
'--hosts-file=[The hosts file; it need not exist]:FILE:_files' \
'--config=[Read settings from this TOML file; its keys are the long flags of hostsync]:FILE:_files' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':name -- The name, such as primary.db:_default' \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
'--hosts-file=[The hosts file; it need not exist]:FILE:_files' \
'--config=[Read settings from this TOML file; its keys are the long flags of hostsync]:FILE:_files' \
'--json[Print one JSON object]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(clean)
_arguments "${_arguments_options[@]}" : \
'--hosts-file=[The hosts file; it need not exist]:FILE:_files' \
'--write=[How the hosts file is written; readers never see half of a change either way]:WAY:((auto\:"Replace the file where that is possible, else write in slots"
replace\:"Only ever replace the file"
slots\:"Write in slots"))' \
'--cache=[Keep the last good snapshot here, to start without ZooKeeper \[default\: for /etc/hosts, /var/cache/hostsync/etc-hosts.json; without root, below ~/.cache/hostsync\]]:FILE:_files' \
'--config=[Read settings from this TOML file; its keys are the long flags of hostsync]:FILE:_files' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(generate)
_arguments "${_arguments_options[@]}" : \
'--config=[Read settings from this TOML file; its keys are the long flags of hostsync]:FILE:_files' \
'-h[Print help]' \
'--help[Print help]' \
":: :_hostsync__subcmd__generate_commands" \
"*::: :->generate" \
&& ret=0

    case $state in
    (generate)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:hostsync-generate-command-$line[1]:"
        case $line[1] in
            (man)
_arguments "${_arguments_options[@]}" : \
'--dir=[The directory to write to]:DIR:_files' \
'--config=[Read settings from this TOML file; its keys are the long flags of hostsync]:FILE:_files' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
'--config=[Read settings from this TOML file; its keys are the long flags of hostsync]:FILE:_files' \
'-h[Print help]' \
'--help[Print help]' \
':shell -- The shell:(bash zsh fish)' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_hostsync__subcmd__generate__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:hostsync-generate-help-command-$line[1]:"
        case $line[1] in
            (man)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_hostsync__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:hostsync-help-command-$line[1]:"
        case $line[1] in
            (run)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(once)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(lookup)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(clean)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(generate)
_arguments "${_arguments_options[@]}" : \
":: :_hostsync__subcmd__help__subcmd__generate_commands" \
"*::: :->generate" \
&& ret=0

    case $state in
    (generate)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:hostsync-help-generate-command-$line[1]:"
        case $line[1] in
            (man)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
}

(( $+functions[_hostsync_commands] )) ||
_hostsync_commands() {
    local commands; commands=(
'run:Follow the published names and keep the hosts file up to date' \
'once:Write the names once, then exit' \
'lookup:Print the addresses that the hosts file gives to a name now, one a line' \
'status:Say whether the running agent is in step, and if not, why' \
'clean:Take our lines out of the hosts file; leave the rest byte for byte' \
'generate:Write man pages or shell completions' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'hostsync commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__clean_commands] )) ||
_hostsync__subcmd__clean_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync clean commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__generate_commands] )) ||
_hostsync__subcmd__generate_commands() {
    local commands; commands=(
'man:Write a man page for each command' \
'completions:Print a shell'\''s completions' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'hostsync generate commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__generate__subcmd__completions_commands] )) ||
_hostsync__subcmd__generate__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync generate completions commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__generate__subcmd__help_commands] )) ||
_hostsync__subcmd__generate__subcmd__help_commands() {
    local commands; commands=(
'man:Write a man page for each command' \
'completions:Print a shell'\''s completions' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'hostsync generate help commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__generate__subcmd__help__subcmd__completions_commands] )) ||
_hostsync__subcmd__generate__subcmd__help__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync generate help completions commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__generate__subcmd__help__subcmd__help_commands] )) ||
_hostsync__subcmd__generate__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync generate help help commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__generate__subcmd__help__subcmd__man_commands] )) ||
_hostsync__subcmd__generate__subcmd__help__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync generate help man commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__generate__subcmd__man_commands] )) ||
_hostsync__subcmd__generate__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync generate man commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__help_commands] )) ||
_hostsync__subcmd__help_commands() {
    local commands; commands=(
'run:Follow the published names and keep the hosts file up to date' \
'once:Write the names once, then exit' \
'lookup:Print the addresses that the hosts file gives to a name now, one a line' \
'status:Say whether the running agent is in step, and if not, why' \
'clean:Take our lines out of the hosts file; leave the rest byte for byte' \
'generate:Write man pages or shell completions' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'hostsync help commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__help__subcmd__clean_commands] )) ||
_hostsync__subcmd__help__subcmd__clean_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync help clean commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__help__subcmd__generate_commands] )) ||
_hostsync__subcmd__help__subcmd__generate_commands() {
    local commands; commands=(
'man:Write a man page for each command' \
'completions:Print a shell'\''s completions' \
    )
    _describe -t commands 'hostsync help generate commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__help__subcmd__generate__subcmd__completions_commands] )) ||
_hostsync__subcmd__help__subcmd__generate__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync help generate completions commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__help__subcmd__generate__subcmd__man_commands] )) ||
_hostsync__subcmd__help__subcmd__generate__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync help generate man commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__help__subcmd__help_commands] )) ||
_hostsync__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync help help commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__help__subcmd__lookup_commands] )) ||
_hostsync__subcmd__help__subcmd__lookup_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync help lookup commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__help__subcmd__once_commands] )) ||
_hostsync__subcmd__help__subcmd__once_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync help once commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__help__subcmd__run_commands] )) ||
_hostsync__subcmd__help__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync help run commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__help__subcmd__status_commands] )) ||
_hostsync__subcmd__help__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync help status commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__lookup_commands] )) ||
_hostsync__subcmd__lookup_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync lookup commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__once_commands] )) ||
_hostsync__subcmd__once_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync once commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__run_commands] )) ||
_hostsync__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync run commands' commands "$@"
}
(( $+functions[_hostsync__subcmd__status_commands] )) ||
_hostsync__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync status commands' commands "$@"
}

if [ "$funcstack[1]" = "_hostsync" ]; then
    _hostsync "$@"
else
    compdef _hostsync hostsync
fi
