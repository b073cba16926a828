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
'--id=[The name of this agent\: below STATE/agents, where it tells what it has applied, and of what it registers \[default\: the host name\]]:NAME:_default' \
'*--register=[Register this container in the tree while hostsync runs (repeatable)\: '\''web\:8080'\'' as one of the instances of the service web, '\''primary.db='\'' (or '\''primary.db=\:5432'\'') as that very name]:NAME[:PORT]|NAME=[:PORT]:_default' \
'--address=[The address to register, or the interface that has it \[default\: the one that this host uses towards ZooKeeper\]]:IP|IFACE:_default' \
'--check=[Register only while this passes\: a command for sh, '\''tcp'\'' (the registered ports take connections), or '\''http\:/PATH'\'' (they answer with a status below 400)]:COMMAND|tcp|http:/PATH:_default' \
'--check-interval=[From the start of one check to the start of the next; sooner until it passes first, after pauses of 0.1 s, 0.2 s, 0.4 s and so on]:DURATION:_default' \
'--check-timeout=[A check that takes longer has failed, and is killed with its children]:DURATION:_default' \
'--check-rise=[Passed checks in a row until it is registered]:N:_default' \
'--check-fall=[Failed checks in a row until it is withdrawn]:N:_default' \
'*--bind=[Give this container a name of its own for one instance of a service (repeatable)\: with '\''mqtt=broker'\'', mqtt is the instance of broker with the fewest agents bound to it; '\''mqtt=broker\:leader'\'' takes the leader, '\''mqtt=broker\:random'\'' any]:LOCAL=SERVICE[:HOW]:_default' \
'--http=[Tell about this daemon over HTTP here\: /status as JSON, /metrics for Prometheus, /healthz; 127.0.0.1\:PORT for this machine only]:ADDR:PORT:_default' \
'--pid-file=[Lock this file and write the process id there \[default with --daemon\: /run/hostsync.pid\]]:FILE:_files' \
'--log-file=[Log to this file, reopened on SIGHUP \[default\: stderr; with --daemon\: /var/log/hostsync.log\]]:FILE:_files' \
'--log-level=[Log messages of this level and above; from debug on also those of libraries]:LEVEL:(error warn info debug trace)' \
'--config=[Read settings from this TOML file; its keys are the long flags of hostsync]:FILE:_files' \
'--sequential[Add a number to the id of each instance, so that the service has a leader\: leader.SERVICE is the one that came first. That name is no lock\: an instance that was cut off goes on seeing itself there]' \
'--daemon[Go to the background]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(exec)
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
'--id=[The name of this agent\: below STATE/agents, where it tells what it has applied, and of what it registers \[default\: the host name\]]:NAME:_default' \
'*--register=[Register this container in the tree while hostsync runs (repeatable)\: '\''web\:8080'\'' as one of the instances of the service web, '\''primary.db='\'' (or '\''primary.db=\:5432'\'') as that very name]:NAME[:PORT]|NAME=[:PORT]:_default' \
'--address=[The address to register, or the interface that has it \[default\: the one that this host uses towards ZooKeeper\]]:IP|IFACE:_default' \
'--check=[Register only while this passes\: a command for sh, '\''tcp'\'' (the registered ports take connections), or '\''http\:/PATH'\'' (they answer with a status below 400)]:COMMAND|tcp|http:/PATH:_default' \
'--check-interval=[From the start of one check to the start of the next; sooner until it passes first, after pauses of 0.1 s, 0.2 s, 0.4 s and so on]:DURATION:_default' \
'--check-timeout=[A check that takes longer has failed, and is killed with its children]:DURATION:_default' \
'--check-rise=[Passed checks in a row until it is registered]:N:_default' \
'--check-fall=[Failed checks in a row until it is withdrawn]:N:_default' \
'*--bind=[Give this container a name of its own for one instance of a service (repeatable)\: with '\''mqtt=broker'\'', mqtt is the instance of broker with the fewest agents bound to it; '\''mqtt=broker\:leader'\'' takes the leader, '\''mqtt=broker\:random'\'' any]:LOCAL=SERVICE[:HOW]:_default' \
'--http=[Tell about this daemon over HTTP here\: /status as JSON, /metrics for Prometheus, /healthz; 127.0.0.1\:PORT for this machine only]:ADDR:PORT:_default' \
'--pid-file=[Lock this file and write the process id there \[default with --daemon\: /run/hostsync.pid\]]:FILE:_files' \
'--log-file=[Log to this file, reopened on SIGHUP \[default\: stderr; with --daemon\: /var/log/hostsync.log\]]:FILE:_files' \
'--log-level=[Log messages of this level and above; from debug on also those of libraries]:LEVEL:(error warn info debug trace)' \
'*--wait=[Start the command only when the hosts file maps this name (repeatable)]:NAME:_default' \
'--wait-timeout=[Give up when a name is still missing after this time]:DURATION:_default' \
'--drain=[From the withdrawal to passing on the signal that asks for the end, so that work under way can be finished]:DURATION:_default' \
'--config=[Read settings from this TOML file; its keys are the long flags of hostsync]:FILE:_files' \
'--sequential[Add a number to the id of each instance, so that the service has a leader\: leader.SERVICE is the one that came first. That name is no lock\: an instance that was cut off goes on seeing itself there]' \
'--daemon[Go to the background]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::command -- The command and its arguments:_default' \
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
'--health[Say whether the agent does its work, for the health check of a container\: it runs, can write the file, and what it was asked to register and to bind is. That ZooKeeper is away is a remark]' \
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
(exec)
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
'exec:Run a command with the names in place, as the first process of a container' \
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
(( $+functions[_hostsync__subcmd__exec_commands] )) ||
_hostsync__subcmd__exec_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync exec commands' commands "$@"
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
'exec:Run a command with the names in place, as the first process of a container' \
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
(( $+functions[_hostsync__subcmd__help__subcmd__exec_commands] )) ||
_hostsync__subcmd__help__subcmd__exec_commands() {
    local commands; commands=()
    _describe -t commands 'hostsync help exec commands' commands "$@"
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
