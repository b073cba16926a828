# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_hostsync_global_optspecs
    string join \n config= h/help V/version
end

function __fish_hostsync_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_hostsync_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_hostsync_using_subcommand
    set -l cmd (__fish_hostsync_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c hostsync -n "__fish_hostsync_needs_command" -l config -d 'Read settings from this TOML file; its keys are the long flags of hostsync' -r -F
complete -c hostsync -n "__fish_hostsync_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostsync -n "__fish_hostsync_needs_command" -s V -l version -d 'Print version'
complete -c hostsync -n "__fish_hostsync_needs_command" -f -a "run" -d 'Follow the published names and keep the hosts file up to date'
complete -c hostsync -n "__fish_hostsync_needs_command" -f -a "exec" -d 'Run a command with the names in place, as the first process of a container'
complete -c hostsync -n "__fish_hostsync_needs_command" -f -a "once" -d 'Write the names once, then exit'
complete -c hostsync -n "__fish_hostsync_needs_command" -f -a "lookup" -d 'Print the addresses that the hosts file gives to a name now, one a line'
complete -c hostsync -n "__fish_hostsync_needs_command" -f -a "status" -d 'Say whether the running agent is in step, and if not, why'
complete -c hostsync -n "__fish_hostsync_needs_command" -f -a "clean" -d 'Take our lines out of the hosts file; leave the rest byte for byte'
complete -c hostsync -n "__fish_hostsync_needs_command" -f -a "generate" -d 'Write man pages or shell completions'
complete -c hostsync -n "__fish_hostsync_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -s z -l zookeeper -d 'The servers, and a chroot if any' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l auth -d 'Authenticate with the digest scheme; prefer --auth-file or the variable, since everyone on the machine sees a command line' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l auth-file -d 'Authenticate with USER:PASSWORD from the first line of this file' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l session-timeout -d 'How long ZooKeeper keeps the session of a client that it does not hear from; also the deadline of each request' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l state -d 'The znode below which nameserver keeps its own; the names are in its child \'hosts\'' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l select -d 'Only names that match this glob, such as \'*.db\' (repeatable)' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l hosts-file -d 'The hosts file; it need not exist' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l write -d 'How the hosts file is written; readers never see half of a change either way' -r -f -a "auto\t'Replace the file where that is possible, else write in slots'
replace\t'Only ever replace the file'
slots\t'Write in slots'"
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l cache -d 'Keep the last good snapshot here, to start without ZooKeeper [default: for /etc/hosts, /var/cache/hostsync/etc-hosts.json; without root, below ~/.cache/hostsync]' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l id -d 'The name of this agent: below STATE/agents, where it tells what it has applied, and of what it registers [default: the host name]' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l register -d 'Register this container in the tree while hostsync runs (repeatable): \'web:8080\' as one of the instances of the service web, \'primary.db=\' (or \'primary.db=:5432\') as that very name' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l address -d 'The address to register, or the interface that has it [default: the one that this host uses towards ZooKeeper]' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l check -d 'Register only while this passes: a command for sh, \'tcp\' (the registered ports take connections), or \'http:/PATH\' (they answer with a status below 400)' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l check-interval -d 'From the start of one check to the start of the next; sooner until it passes first, after pauses of 0.1 s, 0.2 s, 0.4 s and so on' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l check-timeout -d 'A check that takes longer has failed, and is killed with its children' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l check-rise -d 'Passed checks in a row until it is registered' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l check-fall -d 'Failed checks in a row until it is withdrawn' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l bind -d 'Give this container a name of its own for one instance of a service (repeatable): with \'mqtt=broker\', mqtt is the instance of broker with the fewest agents bound to it; \'mqtt=broker:leader\' takes the leader, \'mqtt=broker:random\' any' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l http -d 'Tell about this daemon over HTTP here: /status as JSON, /metrics for Prometheus, /healthz; 127.0.0.1:PORT for this machine only' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l pid-file -d 'Lock this file and write the process id there [default with --daemon: /run/hostsync.pid]' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l log-file -d 'Log to this file, reopened on SIGHUP [default: stderr; with --daemon: /var/log/hostsync.log]' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l log-level -d 'Log messages of this level and above; from debug on also those of libraries' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l config -d 'Read settings from this TOML file; its keys are the long flags of hostsync' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l sequential -d 'Add a number to the id of each instance, so that the service has a leader: leader.SERVICE is the one that came first. That name is no lock: an instance that was cut off goes on seeing itself there'
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -l daemon -d 'Go to the background'
complete -c hostsync -n "__fish_hostsync_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -s z -l zookeeper -d 'The servers, and a chroot if any' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l auth -d 'Authenticate with the digest scheme; prefer --auth-file or the variable, since everyone on the machine sees a command line' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l auth-file -d 'Authenticate with USER:PASSWORD from the first line of this file' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l session-timeout -d 'How long ZooKeeper keeps the session of a client that it does not hear from; also the deadline of each request' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l state -d 'The znode below which nameserver keeps its own; the names are in its child \'hosts\'' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l select -d 'Only names that match this glob, such as \'*.db\' (repeatable)' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l hosts-file -d 'The hosts file; it need not exist' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l write -d 'How the hosts file is written; readers never see half of a change either way' -r -f -a "auto\t'Replace the file where that is possible, else write in slots'
replace\t'Only ever replace the file'
slots\t'Write in slots'"
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l cache -d 'Keep the last good snapshot here, to start without ZooKeeper [default: for /etc/hosts, /var/cache/hostsync/etc-hosts.json; without root, below ~/.cache/hostsync]' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l id -d 'The name of this agent: below STATE/agents, where it tells what it has applied, and of what it registers [default: the host name]' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l register -d 'Register this container in the tree while hostsync runs (repeatable): \'web:8080\' as one of the instances of the service web, \'primary.db=\' (or \'primary.db=:5432\') as that very name' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l address -d 'The address to register, or the interface that has it [default: the one that this host uses towards ZooKeeper]' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l check -d 'Register only while this passes: a command for sh, \'tcp\' (the registered ports take connections), or \'http:/PATH\' (they answer with a status below 400)' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l check-interval -d 'From the start of one check to the start of the next; sooner until it passes first, after pauses of 0.1 s, 0.2 s, 0.4 s and so on' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l check-timeout -d 'A check that takes longer has failed, and is killed with its children' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l check-rise -d 'Passed checks in a row until it is registered' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l check-fall -d 'Failed checks in a row until it is withdrawn' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l bind -d 'Give this container a name of its own for one instance of a service (repeatable): with \'mqtt=broker\', mqtt is the instance of broker with the fewest agents bound to it; \'mqtt=broker:leader\' takes the leader, \'mqtt=broker:random\' any' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l http -d 'Tell about this daemon over HTTP here: /status as JSON, /metrics for Prometheus, /healthz; 127.0.0.1:PORT for this machine only' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l pid-file -d 'Lock this file and write the process id there [default with --daemon: /run/hostsync.pid]' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l log-file -d 'Log to this file, reopened on SIGHUP [default: stderr; with --daemon: /var/log/hostsync.log]' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l log-level -d 'Log messages of this level and above; from debug on also those of libraries' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l wait -d 'Start the command only when the hosts file maps this name (repeatable)' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l wait-timeout -d 'Give up when a name is still missing after this time' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l drain -d 'From the withdrawal to passing on the signal that asks for the end, so that work under way can be finished' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l config -d 'Read settings from this TOML file; its keys are the long flags of hostsync' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l sequential -d 'Add a number to the id of each instance, so that the service has a leader: leader.SERVICE is the one that came first. That name is no lock: an instance that was cut off goes on seeing itself there'
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -l daemon -d 'Go to the background'
complete -c hostsync -n "__fish_hostsync_using_subcommand exec" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostsync -n "__fish_hostsync_using_subcommand once" -s z -l zookeeper -d 'The servers, and a chroot if any' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand once" -l auth -d 'Authenticate with the digest scheme; prefer --auth-file or the variable, since everyone on the machine sees a command line' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand once" -l auth-file -d 'Authenticate with USER:PASSWORD from the first line of this file' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand once" -l session-timeout -d 'How long ZooKeeper keeps the session of a client that it does not hear from; also the deadline of each request' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand once" -l state -d 'The znode below which nameserver keeps its own; the names are in its child \'hosts\'' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand once" -l select -d 'Only names that match this glob, such as \'*.db\' (repeatable)' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand once" -l hosts-file -d 'The hosts file; it need not exist' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand once" -l write -d 'How the hosts file is written; readers never see half of a change either way' -r -f -a "auto\t'Replace the file where that is possible, else write in slots'
replace\t'Only ever replace the file'
slots\t'Write in slots'"
complete -c hostsync -n "__fish_hostsync_using_subcommand once" -l cache -d 'Keep the last good snapshot here, to start without ZooKeeper [default: for /etc/hosts, /var/cache/hostsync/etc-hosts.json; without root, below ~/.cache/hostsync]' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand once" -l timeout -d 'Give up when ZooKeeper has not answered after this time' -r
complete -c hostsync -n "__fish_hostsync_using_subcommand once" -l config -d 'Read settings from this TOML file; its keys are the long flags of hostsync' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand once" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostsync -n "__fish_hostsync_using_subcommand lookup" -l hosts-file -d 'The hosts file; it need not exist' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand lookup" -l config -d 'Read settings from this TOML file; its keys are the long flags of hostsync' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand lookup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostsync -n "__fish_hostsync_using_subcommand status" -l hosts-file -d 'The hosts file; it need not exist' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand status" -l config -d 'Read settings from this TOML file; its keys are the long flags of hostsync' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand status" -l health -d 'Say whether the agent does its work, for the health check of a container: it runs, can write the file, and what it was asked to register and to bind is. That ZooKeeper is away is a remark'
complete -c hostsync -n "__fish_hostsync_using_subcommand status" -l json -d 'Print one JSON object'
complete -c hostsync -n "__fish_hostsync_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostsync -n "__fish_hostsync_using_subcommand clean" -l hosts-file -d 'The hosts file; it need not exist' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand clean" -l write -d 'How the hosts file is written; readers never see half of a change either way' -r -f -a "auto\t'Replace the file where that is possible, else write in slots'
replace\t'Only ever replace the file'
slots\t'Write in slots'"
complete -c hostsync -n "__fish_hostsync_using_subcommand clean" -l cache -d 'Keep the last good snapshot here, to start without ZooKeeper [default: for /etc/hosts, /var/cache/hostsync/etc-hosts.json; without root, below ~/.cache/hostsync]' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand clean" -l config -d 'Read settings from this TOML file; its keys are the long flags of hostsync' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand clean" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostsync -n "__fish_hostsync_using_subcommand generate; and not __fish_seen_subcommand_from man completions help" -l config -d 'Read settings from this TOML file; its keys are the long flags of hostsync' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand generate; and not __fish_seen_subcommand_from man completions help" -s h -l help -d 'Print help'
complete -c hostsync -n "__fish_hostsync_using_subcommand generate; and not __fish_seen_subcommand_from man completions help" -f -a "man" -d 'Write a man page for each command'
complete -c hostsync -n "__fish_hostsync_using_subcommand generate; and not __fish_seen_subcommand_from man completions help" -f -a "completions" -d 'Print a shell\'s completions'
complete -c hostsync -n "__fish_hostsync_using_subcommand generate; and not __fish_seen_subcommand_from man completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hostsync -n "__fish_hostsync_using_subcommand generate; and __fish_seen_subcommand_from man" -l dir -d 'The directory to write to' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand generate; and __fish_seen_subcommand_from man" -l config -d 'Read settings from this TOML file; its keys are the long flags of hostsync' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand generate; and __fish_seen_subcommand_from man" -s h -l help -d 'Print help'
complete -c hostsync -n "__fish_hostsync_using_subcommand generate; and __fish_seen_subcommand_from completions" -l config -d 'Read settings from this TOML file; its keys are the long flags of hostsync' -r -F
complete -c hostsync -n "__fish_hostsync_using_subcommand generate; and __fish_seen_subcommand_from completions" -s h -l help -d 'Print help'
complete -c hostsync -n "__fish_hostsync_using_subcommand generate; and __fish_seen_subcommand_from help" -f -a "man" -d 'Write a man page for each command'
complete -c hostsync -n "__fish_hostsync_using_subcommand generate; and __fish_seen_subcommand_from help" -f -a "completions" -d 'Print a shell\'s completions'
complete -c hostsync -n "__fish_hostsync_using_subcommand generate; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hostsync -n "__fish_hostsync_using_subcommand help; and not __fish_seen_subcommand_from run exec once lookup status clean generate help" -f -a "run" -d 'Follow the published names and keep the hosts file up to date'
complete -c hostsync -n "__fish_hostsync_using_subcommand help; and not __fish_seen_subcommand_from run exec once lookup status clean generate help" -f -a "exec" -d 'Run a command with the names in place, as the first process of a container'
complete -c hostsync -n "__fish_hostsync_using_subcommand help; and not __fish_seen_subcommand_from run exec once lookup status clean generate help" -f -a "once" -d 'Write the names once, then exit'
complete -c hostsync -n "__fish_hostsync_using_subcommand help; and not __fish_seen_subcommand_from run exec once lookup status clean generate help" -f -a "lookup" -d 'Print the addresses that the hosts file gives to a name now, one a line'
complete -c hostsync -n "__fish_hostsync_using_subcommand help; and not __fish_seen_subcommand_from run exec once lookup status clean generate help" -f -a "status" -d 'Say whether the running agent is in step, and if not, why'
complete -c hostsync -n "__fish_hostsync_using_subcommand help; and not __fish_seen_subcommand_from run exec once lookup status clean generate help" -f -a "clean" -d 'Take our lines out of the hosts file; leave the rest byte for byte'
complete -c hostsync -n "__fish_hostsync_using_subcommand help; and not __fish_seen_subcommand_from run exec once lookup status clean generate help" -f -a "generate" -d 'Write man pages or shell completions'
complete -c hostsync -n "__fish_hostsync_using_subcommand help; and not __fish_seen_subcommand_from run exec once lookup status clean generate help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hostsync -n "__fish_hostsync_using_subcommand help; and __fish_seen_subcommand_from generate" -f -a "man" -d 'Write a man page for each command'
complete -c hostsync -n "__fish_hostsync_using_subcommand help; and __fish_seen_subcommand_from generate" -f -a "completions" -d 'Print a shell\'s completions'
