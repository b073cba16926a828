#compdef nameserver

autoload -U is-at-least

_nameserver() {
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
'--config=[Read settings from this TOML file; its keys are the long flags of nameserver]:FILE:_files' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_nameserver_commands" \
"*::: :->nameserver" \
&& ret=0
    case $state in
    (nameserver)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:nameserver-command-$line[1]:"
        case $line[1] in
            (run)
_arguments "${_arguments_options[@]}" : \
'-z+[The servers, and a chroot if any]:HOST:PORT[,HOST:PORT…][/CHROOT]:_default' \
'--zookeeper=[The servers, and a chroot if any]:HOST:PORT[,HOST:PORT…][/CHROOT]:_default' \
'(--auth-file)--auth=[Authenticate with the digest scheme; prefer --auth-file or the variable, since everyone on the machine sees a command line]:USER:PASSWORD:_default' \
'--auth-file=[Authenticate with USER\:PASSWORD from the first line of this file]:FILE:_files' \
'--session-timeout=[How long ZooKeeper keeps the session of a client that it does not hear from; also the deadline of each request]:DURATION:_default' \
'--root=[The znode below which names are looked for; its own name is not part of theirs]:PATH:_default' \
'--state=[The znode below which nameserver keeps its own; never named]:PATH:_default' \
'--domain=[Append this to every name]:NAME:_default' \
'*--exclude=[Leave out znodes that match, and all below them (repeatable)]:GLOB:_default' \
'--id=[The name of this replica in the snapshot and in the election \[default\: the host name\]]:NAME:_default' \
'--drop-hold=[When more than half of the names, and at least 10, would be gone at once, keep them for this long; 0s believes every drop]:DURATION:_default' \
'*--dns=[Answer DNS here, over UDP and TCP, from the live tree (repeatable)\: 127.0.0.1\:53 for this machine only, 0.0.0.0\:53 and \[\:\:\]\:53 for everyone]:ADDR:PORT:_default' \
'--ttl=[How long others may keep an answer, where the record does not say \[default\: 30s, and 5s for services whose instances are ephemeral\]]:DURATION:_default' \
'*--allow-transfer=[Give whole zones (AXFR) to secondaries at this address or in this network (repeatable); nobody else gets one]:ADDR[/LEN]:_default' \
'*--forward=[Ask this resolver for names outside of our zones (repeatable; port 53 if none is given), so that this replica can be a machine'\''s only resolver]:ADDR[:PORT]:_default' \
'*--allow-recursion=[With --forward, pass on questions from this address or network (repeatable) \[default\: loopback and private networks\]]:ADDR[/LEN]:_default' \
'--http=[Tell about this daemon over HTTP here\: /status as JSON, /metrics for Prometheus, /healthz; 127.0.0.1\:PORT for this machine only]:ADDR:PORT:_default' \
'--pid-file=[Lock this file and write the process id there \[default with --daemon\: /run/nameserver.pid\]]:FILE:_files' \
'--log-file=[Log to this file, reopened on SIGHUP \[default\: stderr; with --daemon\: /var/log/nameserver.log\]]:FILE:_files' \
'--log-level=[Log messages of this level and above; from debug on also those of libraries]:LEVEL:(error warn info debug trace)' \
'--config=[Read settings from this TOML file; its keys are the long flags of nameserver]:FILE:_files' \
'--resolve-hostnames[Ask the system'\''s resolver for host names that no znode gives]' \
'--take-over[Publish also where another replica has published by another --root, --domain or --exclude]' \
'--daemon[Go to the background]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
'-z+[The servers, and a chroot if any]:HOST:PORT[,HOST:PORT…][/CHROOT]:_default' \
'--zookeeper=[The servers, and a chroot if any]:HOST:PORT[,HOST:PORT…][/CHROOT]:_default' \
'(--auth-file)--auth=[Authenticate with the digest scheme; prefer --auth-file or the variable, since everyone on the machine sees a command line]:USER:PASSWORD:_default' \
'--auth-file=[Authenticate with USER\:PASSWORD from the first line of this file]:FILE:_files' \
'--session-timeout=[How long ZooKeeper keeps the session of a client that it does not hear from; also the deadline of each request]:DURATION:_default' \
'--root=[The znode below which names are looked for; its own name is not part of theirs]:PATH:_default' \
'--state=[The znode below which nameserver keeps its own; never named]:PATH:_default' \
'--domain=[Append this to every name]:NAME:_default' \
'*--exclude=[Leave out znodes that match, and all below them (repeatable)]:GLOB:_default' \
'--explain=[Explain one znode\: what was read, in which format, which names and addresses it gives, and why not if none]:PATH:_default' \
'--hosts-file=[Tell of names that lines of others in this hosts file map\: hostsync leaves them to those]:FILE:_files' \
'--config=[Read settings from this TOML file; its keys are the long flags of nameserver]:FILE:_files' \
'--resolve-hostnames[Ask the system'\''s resolver for host names that no znode gives]' \
'--json[Print one JSON object]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(lookup)
_arguments "${_arguments_options[@]}" : \
'-z+[The servers, and a chroot if any]:HOST:PORT[,HOST:PORT…][/CHROOT]:_default' \
'--zookeeper=[The servers, and a chroot if any]:HOST:PORT[,HOST:PORT…][/CHROOT]:_default' \
'(--auth-file)--auth=[Authenticate with the digest scheme; prefer --auth-file or the variable, since everyone on the machine sees a command line]:USER:PASSWORD:_default' \
'--auth-file=[Authenticate with USER\:PASSWORD from the first line of this file]:FILE:_files' \
'--session-timeout=[How long ZooKeeper keeps the session of a client that it does not hear from; also the deadline of each request]:DURATION:_default' \
'--root=[The znode below which names are looked for; its own name is not part of theirs]:PATH:_default' \
'--state=[The znode below which nameserver keeps its own; never named]:PATH:_default' \
'--domain=[Append this to every name]:NAME:_default' \
'*--exclude=[Leave out znodes that match, and all below them (repeatable)]:GLOB:_default' \
'--config=[Read settings from this TOML file; its keys are the long flags of nameserver]:FILE:_files' \
'--resolve-hostnames[Ask the system'\''s resolver for host names that no znode gives]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':name -- The name, such as primary.db:_default' \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
'-z+[The servers, and a chroot if any]:HOST:PORT[,HOST:PORT…][/CHROOT]:_default' \
'--zookeeper=[The servers, and a chroot if any]:HOST:PORT[,HOST:PORT…][/CHROOT]:_default' \
'(--auth-file)--auth=[Authenticate with the digest scheme; prefer --auth-file or the variable, since everyone on the machine sees a command line]:USER:PASSWORD:_default' \
'--auth-file=[Authenticate with USER\:PASSWORD from the first line of this file]:FILE:_files' \
'--session-timeout=[How long ZooKeeper keeps the session of a client that it does not hear from; also the deadline of each request]:DURATION:_default' \
'--state=[The znode below which nameserver keeps its own]:PATH:_default' \
'--config=[Read settings from this TOML file; its keys are the long flags of nameserver]:FILE:_files' \
'--json[Print one JSON object]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(release)
_arguments "${_arguments_options[@]}" : \
'-z+[The servers, and a chroot if any]:HOST:PORT[,HOST:PORT…][/CHROOT]:_default' \
'--zookeeper=[The servers, and a chroot if any]:HOST:PORT[,HOST:PORT…][/CHROOT]:_default' \
'(--auth-file)--auth=[Authenticate with the digest scheme; prefer --auth-file or the variable, since everyone on the machine sees a command line]:USER:PASSWORD:_default' \
'--auth-file=[Authenticate with USER\:PASSWORD from the first line of this file]:FILE:_files' \
'--session-timeout=[How long ZooKeeper keeps the session of a client that it does not hear from; also the deadline of each request]:DURATION:_default' \
'--state=[The znode below which nameserver keeps its own]:PATH:_default' \
'--config=[Read settings from this TOML file; its keys are the long flags of nameserver]:FILE:_files' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(generate)
_arguments "${_arguments_options[@]}" : \
'--config=[Read settings from this TOML file; its keys are the long flags of nameserver]:FILE:_files' \
'-h[Print help]' \
'--help[Print help]' \
":: :_nameserver__subcmd__generate_commands" \
"*::: :->generate" \
&& ret=0

    case $state in
    (generate)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:nameserver-generate-command-$line[1]:"
        case $line[1] in
            (man)
_arguments "${_arguments_options[@]}" : \
'--dir=[The directory to write to]:DIR:_files' \
'--config=[Read settings from this TOML file; its keys are the long flags of nameserver]:FILE:_files' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
'--config=[Read settings from this TOML file; its keys are the long flags of nameserver]:FILE:_files' \
'-h[Print help]' \
'--help[Print help]' \
':shell -- The shell:(bash zsh fish)' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_nameserver__subcmd__generate__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:nameserver-generate-help-command-$line[1]:"
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
":: :_nameserver__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:nameserver-help-command-$line[1]:"
        case $line[1] in
            (run)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(check)
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
(release)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(generate)
_arguments "${_arguments_options[@]}" : \
":: :_nameserver__subcmd__help__subcmd__generate_commands" \
"*::: :->generate" \
&& ret=0

    case $state in
    (generate)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:nameserver-help-generate-command-$line[1]:"
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

(( $+functions[_nameserver_commands] )) ||
_nameserver_commands() {
    local commands; commands=(
'run:Follow the tree and publish its names; several replicas elect one that publishes' \
'check:Walk the tree once and explain each znode that gives no name' \
'lookup:Print the addresses that the tree gives to a name now, one a line' \
'status:Say who leads, what is published and held, and which agents are behind' \
'release:Publish a large drop of names now that is held because it is in doubt; see run --drop-hold' \
'generate:Write man pages or shell completions' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'nameserver commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__check_commands] )) ||
_nameserver__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'nameserver check commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__generate_commands] )) ||
_nameserver__subcmd__generate_commands() {
    local commands; commands=(
'man:Write a man page for each command' \
'completions:Print a shell'\''s completions' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'nameserver generate commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__generate__subcmd__completions_commands] )) ||
_nameserver__subcmd__generate__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'nameserver generate completions commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__generate__subcmd__help_commands] )) ||
_nameserver__subcmd__generate__subcmd__help_commands() {
    local commands; commands=(
'man:Write a man page for each command' \
'completions:Print a shell'\''s completions' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'nameserver generate help commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__generate__subcmd__help__subcmd__completions_commands] )) ||
_nameserver__subcmd__generate__subcmd__help__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'nameserver generate help completions commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__generate__subcmd__help__subcmd__help_commands] )) ||
_nameserver__subcmd__generate__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'nameserver generate help help commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__generate__subcmd__help__subcmd__man_commands] )) ||
_nameserver__subcmd__generate__subcmd__help__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'nameserver generate help man commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__generate__subcmd__man_commands] )) ||
_nameserver__subcmd__generate__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'nameserver generate man commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__help_commands] )) ||
_nameserver__subcmd__help_commands() {
    local commands; commands=(
'run:Follow the tree and publish its names; several replicas elect one that publishes' \
'check:Walk the tree once and explain each znode that gives no name' \
'lookup:Print the addresses that the tree gives to a name now, one a line' \
'status:Say who leads, what is published and held, and which agents are behind' \
'release:Publish a large drop of names now that is held because it is in doubt; see run --drop-hold' \
'generate:Write man pages or shell completions' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'nameserver help commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__help__subcmd__check_commands] )) ||
_nameserver__subcmd__help__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'nameserver help check commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__help__subcmd__generate_commands] )) ||
_nameserver__subcmd__help__subcmd__generate_commands() {
    local commands; commands=(
'man:Write a man page for each command' \
'completions:Print a shell'\''s completions' \
    )
    _describe -t commands 'nameserver help generate commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__help__subcmd__generate__subcmd__completions_commands] )) ||
_nameserver__subcmd__help__subcmd__generate__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'nameserver help generate completions commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__help__subcmd__generate__subcmd__man_commands] )) ||
_nameserver__subcmd__help__subcmd__generate__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'nameserver help generate man commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__help__subcmd__help_commands] )) ||
_nameserver__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'nameserver help help commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__help__subcmd__lookup_commands] )) ||
_nameserver__subcmd__help__subcmd__lookup_commands() {
    local commands; commands=()
    _describe -t commands 'nameserver help lookup commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__help__subcmd__release_commands] )) ||
_nameserver__subcmd__help__subcmd__release_commands() {
    local commands; commands=()
    _describe -t commands 'nameserver help release commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__help__subcmd__run_commands] )) ||
_nameserver__subcmd__help__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'nameserver help run commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__help__subcmd__status_commands] )) ||
_nameserver__subcmd__help__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'nameserver help status commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__lookup_commands] )) ||
_nameserver__subcmd__lookup_commands() {
    local commands; commands=()
    _describe -t commands 'nameserver lookup commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__release_commands] )) ||
_nameserver__subcmd__release_commands() {
    local commands; commands=()
    _describe -t commands 'nameserver release commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__run_commands] )) ||
_nameserver__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'nameserver run commands' commands "$@"
}
(( $+functions[_nameserver__subcmd__status_commands] )) ||
_nameserver__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'nameserver status commands' commands "$@"
}

if [ "$funcstack[1]" = "_nameserver" ]; then
    _nameserver "$@"
else
    compdef _nameserver nameserver
fi
