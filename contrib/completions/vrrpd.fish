# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_vrrpd_global_optspecs
    string join \n f/use-file= P/vrrp C/check B/no_bfd all l/log-console D/log-detail S/log-facility= g/log-file= flush-log-file G/no-syslog u/umask= X/release-vips V/dont-release-vrrp I/dont-release-ipvs R/dont-respawn n/dont-fork d/dump-conf p/pid= r/vrrp_pid= c/checkers_pid= b/bfd_pid= T/genhash a/address-monitoring x/snmp A/snmp-agent-socket= s/namespace= m/core-dump M/core-dump-pattern= e/all-config i/config-id= signum= t/config-test= format= ignore-sigint v/version h/help perf= debug= no-mem-check mem-check-log
end

function __fish_vrrpd_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_vrrpd_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_vrrpd_using_subcommand
    set -l cmd (__fish_vrrpd_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c vrrpd -n "__fish_vrrpd_needs_command" -s f -l use-file -d 'Use the specified configuration file' -r -F
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s S -l log-facility -d 'Syslog facility: 0 to 7, local0 to local7, user or daemon' -r
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s g -l log-file -d 'Log to a file as well' -r -F
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s u -l umask -d 'Mask of file permissions, as a number' -r
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s p -l pid -d 'Pid file of the parent process' -r -F
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s r -l vrrp_pid -d 'Pid file of the VRRP process' -r -F
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s c -l checkers_pid -d 'Pid file of the process for virtual servers' -r -F
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s b -l bfd_pid -d 'Pid file of the BFD process' -r -F
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s A -l snmp-agent-socket -d 'Without effect: there is no SNMP in this version' -r
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s s -l namespace -d 'Run in this network namespace' -r
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s M -l core-dump-pattern -d 'Allow core files; the pattern is left to the system' -r
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s i -l config-id -d 'Selects lines that start with @ID; default: the name of this node' -r
complete -c vrrpd -n "__fish_vrrpd_needs_command" -l signum -d 'Print the number of a signal: STOP, RELOAD, DATA, STATS, STATS_CLEAR or JSON' -r
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s t -l config-test -d 'Check the configuration; report to standard error or to a file' -r
complete -c vrrpd -n "__fish_vrrpd_needs_command" -l format -d 'With -t: how to report' -r -f -a "text\t'keepalived\'s lines, and the places underlined'
json\t'One document for programs'
github\t'Annotations of a workflow'"
complete -c vrrpd -n "__fish_vrrpd_needs_command" -l perf -d 'Of debug builds of keepalived; without effect' -r
complete -c vrrpd -n "__fish_vrrpd_needs_command" -l debug -d 'Of debug builds of keepalived; without effect' -r
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s P -l vrrp -d 'Only run the VRRP part'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s C -l check -d 'Only run the part for virtual servers'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s B -l no_bfd -d 'Run no BFD part'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -l all -d 'Run every part, even without configuration for it'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s l -l log-console -d 'With -n: log to standard error'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s D -l log-detail -d 'Log in detail; given twice, in more detail'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -l flush-log-file -d 'Without effect: lines are written at once'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s G -l no-syslog -d 'Do not log to syslog'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s X -l release-vips -d 'Remove virtual addresses on leaving MASTER even when they are not known to be set'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s V -l dont-release-vrrp -d 'On exit leave virtual addresses in place'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s I -l dont-release-ipvs -d 'On exit leave virtual servers in place'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s R -l dont-respawn -d 'End when a child process dies'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s n -l dont-fork -d 'Stay in the foreground'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s d -l dump-conf -d 'Log the configuration as it was understood'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s T -l genhash -d 'Not in this version'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s a -l address-monitoring -d 'Log every address that comes or goes'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s x -l snmp -d 'Without effect: there is no SNMP in this version'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s m -l core-dump -d 'Allow core files'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s e -l all-config -d 'A configuration file that is missing is an error'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -l ignore-sigint -d 'For debuggers'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s v -l version -d 'Print the version'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -s h -l help -d 'Print this help'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -l no-mem-check -d 'Of debug builds of keepalived; without effect'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -l mem-check-log -d 'Of debug builds of keepalived; without effect'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -f -a "compat" -d 'Say which keywords of a configuration run as in keepalived, differ, or are not run yet'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -f -a "expand" -d 'Print a configuration with includes, conditions, definitions and repetitions written out'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -f -a "explain" -d 'Say what a diagnostic of `-t` is about, with an example'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -f -a "plan" -d 'Print what a reload would do, object by object, and whether a client would notice'
complete -c vrrpd -n "__fish_vrrpd_needs_command" -f -a "generate" -d 'Print the manual pages, the list of keywords, or completions for a shell'
complete -c vrrpd -n "__fish_vrrpd_using_subcommand compat" -l format -d 'How to say it' -r -f -a "text\t''
json\t''"
complete -c vrrpd -n "__fish_vrrpd_using_subcommand compat" -s i -l config-id -d 'Selects lines that start with @ID; default: the name of this node' -r
complete -c vrrpd -n "__fish_vrrpd_using_subcommand compat" -l strict -d 'What differs from keepalived makes the exit code 1, too'
complete -c vrrpd -n "__fish_vrrpd_using_subcommand expand" -s i -l config-id -d 'Selects lines that start with @ID; default: the name of this node' -r
complete -c vrrpd -n "__fish_vrrpd_using_subcommand expand" -l show-passwords -d 'Print passwords as they are'
complete -c vrrpd -n "__fish_vrrpd_using_subcommand plan" -s p -l pid -d 'Pid file of the running daemon' -r -F
complete -c vrrpd -n "__fish_vrrpd_using_subcommand plan" -l process -d 'Process id of the running daemon, instead of a pid file' -r
complete -c vrrpd -n "__fish_vrrpd_using_subcommand plan" -s i -l config-id -d 'With OLD: selects lines that start with @ID; default: the name of this node' -r
complete -c vrrpd -n "__fish_vrrpd_using_subcommand plan" -l format -d 'How to print it' -r -f -a "text\t''
json\t''"
complete -c vrrpd -n "__fish_vrrpd_using_subcommand plan" -l exit-code -d 'Let the exit code say whether anything changes'
complete -c vrrpd -n "__fish_vrrpd_using_subcommand generate; and not __fish_seen_subcommand_from keywords man diagnostics completions all" -f -a "keywords" -d 'The reference of all keywords, as Markdown'
complete -c vrrpd -n "__fish_vrrpd_using_subcommand generate; and not __fish_seen_subcommand_from keywords man diagnostics completions all" -f -a "man" -d 'A manual page: vrrpd(8) or vrrpd.conf(5)'
complete -c vrrpd -n "__fish_vrrpd_using_subcommand generate; and not __fish_seen_subcommand_from keywords man diagnostics completions all" -f -a "diagnostics" -d 'The list of diagnostics, and the form in which programs get them, as Markdown'
complete -c vrrpd -n "__fish_vrrpd_using_subcommand generate; and not __fish_seen_subcommand_from keywords man diagnostics completions all" -f -a "completions" -d 'Completions of the command line'
complete -c vrrpd -n "__fish_vrrpd_using_subcommand generate; and not __fish_seen_subcommand_from keywords man diagnostics completions all" -f -a "all" -d 'All of it, into the files of a source tree'
