# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_nameserver_global_optspecs
    string join \n config= h/help V/version
end

function __fish_nameserver_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_nameserver_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_nameserver_using_subcommand
    set -l cmd (__fish_nameserver_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c nameserver -n "__fish_nameserver_needs_command" -l config -d 'Read settings from this TOML file; its keys are the long flags of nameserver' -r -F
complete -c nameserver -n "__fish_nameserver_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nameserver -n "__fish_nameserver_needs_command" -s V -l version -d 'Print version'
complete -c nameserver -n "__fish_nameserver_needs_command" -f -a "run" -d 'Follow the tree and publish its names; several replicas elect one that publishes'
complete -c nameserver -n "__fish_nameserver_needs_command" -f -a "check" -d 'Walk the tree once and explain each znode that gives no name'
complete -c nameserver -n "__fish_nameserver_needs_command" -f -a "lookup" -d 'Print the addresses that the tree gives to a name now, one a line'
complete -c nameserver -n "__fish_nameserver_needs_command" -f -a "status" -d 'Say who leads, what is published and held, and which agents are behind'
complete -c nameserver -n "__fish_nameserver_needs_command" -f -a "release" -d 'Publish a large drop of names now that is held because it is in doubt; see run --drop-hold'
complete -c nameserver -n "__fish_nameserver_needs_command" -f -a "generate" -d 'Write man pages or shell completions'
complete -c nameserver -n "__fish_nameserver_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -s z -l zookeeper -d 'The servers, and a chroot if any' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l auth -d 'Authenticate with the digest scheme; prefer --auth-file or the variable, since everyone on the machine sees a command line' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l auth-file -d 'Authenticate with USER:PASSWORD from the first line of this file' -r -F
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l session-timeout -d 'How long ZooKeeper keeps the session of a client that it does not hear from; also the deadline of each request' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l root -d 'The znode below which names are looked for; its own name is not part of theirs' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l state -d 'The znode below which nameserver keeps its own; never named' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l domain -d 'Append this to every name' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l exclude -d 'Leave out znodes that match, and all below them (repeatable)' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l id -d 'The name of this replica in the snapshot and in the election [default: the host name]' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l drop-hold -d 'When more than half of the names, and at least 10, would be gone at once, keep them for this long; 0s believes every drop' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l dns -d 'Answer DNS here, over UDP and TCP, from the live tree (repeatable): 127.0.0.1:53 for this machine only, 0.0.0.0:53 and [::]:53 for everyone' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l ttl -d 'How long others may keep an answer, where the record does not say [default: 30s, and 5s for services whose instances are ephemeral]' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l allow-transfer -d 'Give whole zones (AXFR) to secondaries at this address or in this network (repeatable); nobody else gets one' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l forward -d 'Ask this resolver for names outside of our zones (repeatable; port 53 if none is given), so that this replica can be a machine\'s only resolver' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l allow-recursion -d 'With --forward, pass on questions from this address or network (repeatable) [default: loopback and private networks]' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l http -d 'Tell about this daemon over HTTP here: /status as JSON, /metrics for Prometheus, /healthz; 127.0.0.1:PORT for this machine only' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l pid-file -d 'Lock this file and write the process id there [default with --daemon: /run/nameserver.pid]' -r -F
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l log-file -d 'Log to this file, reopened on SIGHUP [default: stderr; with --daemon: /var/log/nameserver.log]' -r -F
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l log-level -d 'Log messages of this level and above; from debug on also those of libraries' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l config -d 'Read settings from this TOML file; its keys are the long flags of nameserver' -r -F
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l resolve-hostnames -d 'Ask the system\'s resolver for host names that no znode gives'
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l take-over -d 'Publish also where another replica has published by another --root, --domain or --exclude'
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -l daemon -d 'Go to the background'
complete -c nameserver -n "__fish_nameserver_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nameserver -n "__fish_nameserver_using_subcommand check" -s z -l zookeeper -d 'The servers, and a chroot if any' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand check" -l auth -d 'Authenticate with the digest scheme; prefer --auth-file or the variable, since everyone on the machine sees a command line' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand check" -l auth-file -d 'Authenticate with USER:PASSWORD from the first line of this file' -r -F
complete -c nameserver -n "__fish_nameserver_using_subcommand check" -l session-timeout -d 'How long ZooKeeper keeps the session of a client that it does not hear from; also the deadline of each request' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand check" -l root -d 'The znode below which names are looked for; its own name is not part of theirs' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand check" -l state -d 'The znode below which nameserver keeps its own; never named' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand check" -l domain -d 'Append this to every name' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand check" -l exclude -d 'Leave out znodes that match, and all below them (repeatable)' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand check" -l explain -d 'Explain one znode: what was read, in which format, which names and addresses it gives, and why not if none' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand check" -l hosts-file -d 'Tell of names that lines of others in this hosts file map: hostsync leaves them to those' -r -F
complete -c nameserver -n "__fish_nameserver_using_subcommand check" -l config -d 'Read settings from this TOML file; its keys are the long flags of nameserver' -r -F
complete -c nameserver -n "__fish_nameserver_using_subcommand check" -l resolve-hostnames -d 'Ask the system\'s resolver for host names that no znode gives'
complete -c nameserver -n "__fish_nameserver_using_subcommand check" -l json -d 'Print one JSON object'
complete -c nameserver -n "__fish_nameserver_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nameserver -n "__fish_nameserver_using_subcommand lookup" -s z -l zookeeper -d 'The servers, and a chroot if any' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand lookup" -l auth -d 'Authenticate with the digest scheme; prefer --auth-file or the variable, since everyone on the machine sees a command line' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand lookup" -l auth-file -d 'Authenticate with USER:PASSWORD from the first line of this file' -r -F
complete -c nameserver -n "__fish_nameserver_using_subcommand lookup" -l session-timeout -d 'How long ZooKeeper keeps the session of a client that it does not hear from; also the deadline of each request' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand lookup" -l root -d 'The znode below which names are looked for; its own name is not part of theirs' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand lookup" -l state -d 'The znode below which nameserver keeps its own; never named' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand lookup" -l domain -d 'Append this to every name' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand lookup" -l exclude -d 'Leave out znodes that match, and all below them (repeatable)' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand lookup" -l config -d 'Read settings from this TOML file; its keys are the long flags of nameserver' -r -F
complete -c nameserver -n "__fish_nameserver_using_subcommand lookup" -l resolve-hostnames -d 'Ask the system\'s resolver for host names that no znode gives'
complete -c nameserver -n "__fish_nameserver_using_subcommand lookup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nameserver -n "__fish_nameserver_using_subcommand status" -s z -l zookeeper -d 'The servers, and a chroot if any' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand status" -l auth -d 'Authenticate with the digest scheme; prefer --auth-file or the variable, since everyone on the machine sees a command line' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand status" -l auth-file -d 'Authenticate with USER:PASSWORD from the first line of this file' -r -F
complete -c nameserver -n "__fish_nameserver_using_subcommand status" -l session-timeout -d 'How long ZooKeeper keeps the session of a client that it does not hear from; also the deadline of each request' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand status" -l state -d 'The znode below which nameserver keeps its own' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand status" -l config -d 'Read settings from this TOML file; its keys are the long flags of nameserver' -r -F
complete -c nameserver -n "__fish_nameserver_using_subcommand status" -l json -d 'Print one JSON object'
complete -c nameserver -n "__fish_nameserver_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nameserver -n "__fish_nameserver_using_subcommand release" -s z -l zookeeper -d 'The servers, and a chroot if any' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand release" -l auth -d 'Authenticate with the digest scheme; prefer --auth-file or the variable, since everyone on the machine sees a command line' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand release" -l auth-file -d 'Authenticate with USER:PASSWORD from the first line of this file' -r -F
complete -c nameserver -n "__fish_nameserver_using_subcommand release" -l session-timeout -d 'How long ZooKeeper keeps the session of a client that it does not hear from; also the deadline of each request' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand release" -l state -d 'The znode below which nameserver keeps its own' -r
complete -c nameserver -n "__fish_nameserver_using_subcommand release" -l config -d 'Read settings from this TOML file; its keys are the long flags of nameserver' -r -F
complete -c nameserver -n "__fish_nameserver_using_subcommand release" -s h -l help -d 'Print help'
complete -c nameserver -n "__fish_nameserver_using_subcommand generate; and not __fish_seen_subcommand_from man completions help" -l config -d 'Read settings from this TOML file; its keys are the long flags of nameserver' -r -F
complete -c nameserver -n "__fish_nameserver_using_subcommand generate; and not __fish_seen_subcommand_from man completions help" -s h -l help -d 'Print help'
complete -c nameserver -n "__fish_nameserver_using_subcommand generate; and not __fish_seen_subcommand_from man completions help" -f -a "man" -d 'Write a man page for each command'
complete -c nameserver -n "__fish_nameserver_using_subcommand generate; and not __fish_seen_subcommand_from man completions help" -f -a "completions" -d 'Print a shell\'s completions'
complete -c nameserver -n "__fish_nameserver_using_subcommand generate; and not __fish_seen_subcommand_from man completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c nameserver -n "__fish_nameserver_using_subcommand generate; and __fish_seen_subcommand_from man" -l dir -d 'The directory to write to' -r -F
complete -c nameserver -n "__fish_nameserver_using_subcommand generate; and __fish_seen_subcommand_from man" -l config -d 'Read settings from this TOML file; its keys are the long flags of nameserver' -r -F
complete -c nameserver -n "__fish_nameserver_using_subcommand generate; and __fish_seen_subcommand_from man" -s h -l help -d 'Print help'
complete -c nameserver -n "__fish_nameserver_using_subcommand generate; and __fish_seen_subcommand_from completions" -l config -d 'Read settings from this TOML file; its keys are the long flags of nameserver' -r -F
complete -c nameserver -n "__fish_nameserver_using_subcommand generate; and __fish_seen_subcommand_from completions" -s h -l help -d 'Print help'
complete -c nameserver -n "__fish_nameserver_using_subcommand generate; and __fish_seen_subcommand_from help" -f -a "man" -d 'Write a man page for each command'
complete -c nameserver -n "__fish_nameserver_using_subcommand generate; and __fish_seen_subcommand_from help" -f -a "completions" -d 'Print a shell\'s completions'
complete -c nameserver -n "__fish_nameserver_using_subcommand generate; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c nameserver -n "__fish_nameserver_using_subcommand help; and not __fish_seen_subcommand_from run check lookup status release generate help" -f -a "run" -d 'Follow the tree and publish its names; several replicas elect one that publishes'
complete -c nameserver -n "__fish_nameserver_using_subcommand help; and not __fish_seen_subcommand_from run check lookup status release generate help" -f -a "check" -d 'Walk the tree once and explain each znode that gives no name'
complete -c nameserver -n "__fish_nameserver_using_subcommand help; and not __fish_seen_subcommand_from run check lookup status release generate help" -f -a "lookup" -d 'Print the addresses that the tree gives to a name now, one a line'
complete -c nameserver -n "__fish_nameserver_using_subcommand help; and not __fish_seen_subcommand_from run check lookup status release generate help" -f -a "status" -d 'Say who leads, what is published and held, and which agents are behind'
complete -c nameserver -n "__fish_nameserver_using_subcommand help; and not __fish_seen_subcommand_from run check lookup status release generate help" -f -a "release" -d 'Publish a large drop of names now that is held because it is in doubt; see run --drop-hold'
complete -c nameserver -n "__fish_nameserver_using_subcommand help; and not __fish_seen_subcommand_from run check lookup status release generate help" -f -a "generate" -d 'Write man pages or shell completions'
complete -c nameserver -n "__fish_nameserver_using_subcommand help; and not __fish_seen_subcommand_from run check lookup status release generate help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c nameserver -n "__fish_nameserver_using_subcommand help; and __fish_seen_subcommand_from generate" -f -a "man" -d 'Write a man page for each command'
complete -c nameserver -n "__fish_nameserver_using_subcommand help; and __fish_seen_subcommand_from generate" -f -a "completions" -d 'Print a shell\'s completions'
