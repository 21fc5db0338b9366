//! The command line of the built binary, as far as it needs no network and no root.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const GOOD: &str = "vrrp_instance VI_1 {\n interface lo\n virtual_router_id 51\n priority 150\n}\n";

fn run(dir: &TempDir, program: impl AsRef<Path>, line: &str) -> Output {
    Command::new(program.as_ref())
        .args(line.split_whitespace())
        .current_dir(dir.path())
        .output()
        .expect("it starts")
}

fn vrrpd(dir: &TempDir, line: &str) -> Output {
    run(dir, env!("CARGO_BIN_EXE_vrrpd"), line)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

/// # oracle: keepalived 2.2.7 with these command lines (tests/lab compares where it is installed)
#[test]
fn usage_errors_have_keepaliveds_words_and_code() {
    let dir = directory();
    for (line, stderr) in [
        ("-Z", "Unknown option -Z\n"),
        ("--badopt -n", "Unknown option --badopt\n"),
        ("-f", "Missing parameter for option -f\n"),
        ("--use-file=", "Missing parameter for option --use-file\n"),
        ("--conf -f x", "Unknown option --conf\n"),
        ("--signum foo", "Unknown sigfunc foo\n"),
    ] {
        let output = vrrpd(&dir, line);
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert_eq!((text(&output.stdout), text(&output.stderr)), ("", stderr), "{line}");
    }
}

#[test]
fn a_plan_of_two_files_needs_neither_their_machine_nor_a_daemon() {
    let dir = directory();
    let file = |name: &str, priority: u8| {
        let text =
            format!("vrrp_instance A {{\n interface far0\n virtual_router_id 1\n priority {priority}\n}}\n");
        std::fs::write(dir.path().join(name), text).expect("a file");
    };
    file("old", 100);
    file("new", 150);
    std::fs::write(dir.path().join("bad"), "vrrp_instance A {\n virtual_router_id\n}\n").expect("a file");
    for (line, code, stdout) in [
        ("plan old old", 0, "nothing changes\n"),
        ("plan --exit-code old old", 0, "nothing changes\n"),
        ("plan old new", 0, "priority                 advert     100 -> 150\n"),
        ("plan --exit-code old new", 4, "1 change, clients or neighbours may notice 1 of them\n"),
        ("plan --format json old new", 0, "\"impact\": \"advert\""),
        ("plan old bad", 2, ""),
        ("plan -p nowhere new", 1, ""),
    ] {
        let output = vrrpd(&dir, line);
        assert_eq!(output.status.code(), Some(code), "{line}: {}", text(&output.stderr));
        assert!(text(&output.stdout).contains(stdout), "{line}: {}", text(&output.stdout));
    }
}

/// # oracle: keepalived 2.2.7; the numbers are what exporters fall back to
#[test]
fn signum_prints_a_bare_number_on_standard_output() {
    let dir = directory();
    for (line, stdout) in [
        ("--signum=JSON", "36\n"),
        ("--signum STATS_CLEAR", "63\n"),
        ("--sig DATA", "10\n"),
        ("--signum=STATS", "12\n"),
        ("--signum=RELOAD --nonsense", "1\n"),
        ("--signum=STOP", "15\n"),
    ] {
        let output = vrrpd(&dir, line);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), stdout), "{line}");
        assert_eq!(text(&output.stderr), "", "{line}");
    }
}

/// # oracle: what mehdy's exporter and Puppet's fact read: standard error, words of the first line
#[test]
fn the_version_is_keepaliveds_under_keepaliveds_name_only() {
    let dir = directory();
    let link = dir.path().join("keepalived");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_vrrpd"), &link).expect("a link");
    for line in ["-v", "--version", "-v -f", "-Z -v"] {
        let output = run(&dir, &link, line);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), ""), "{line}");
        assert!(text(&output.stderr).contains("Keepalived v2.2.7 (01/16,2022)\n"), "{line}");
        assert!(text(&output.stderr).contains("--enable-json"), "{line}");
    }
    let output = vrrpd(&dir, "-v");
    assert!(text(&output.stderr).starts_with("vrrpd v"));
}

#[test]
fn help_goes_to_standard_error_and_names_every_letter() {
    let dir = directory();
    let output = vrrpd(&dir, "--help");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), ""));
    for letter in "fPCBlDSGuXVIRndprcabxAsmMeitvh".chars() {
        assert!(text(&output.stderr).contains(&format!("-{letter}, --")), "-{letter}");
    }
}

/// # oracle: keepalived 2.2.7
#[test]
fn left_over_words_are_named_on_standard_output_and_change_nothing() {
    let dir = directory();
    std::fs::write(dir.path().join("a.conf"), "").expect("a file");
    let output = vrrpd(&dir, "extra -t -f a.conf args");
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(0), "Unexpected argument(s): extra args \n")
    );
}

/// # oracle: keepalived 2.2.7 with these files; by hand where the file is missing, which keepalived
/// calls a good one
const MISC_CHECK: &str = "virtual_server 10.0.0.9 80 {\n real_server 10.0.0.2 80 {\n MISC_CHECK {\n \
                          misc_path /bin/true\n }\n }\n}\n";

#[test]
fn the_test_of_a_configuration_has_keepaliveds_exit_codes() {
    let dir = directory();
    let cases = [
        ("", "-t -f a.conf", 0),
        ("bogus_keyword\n", "-t -f a.conf", 5),
        ("vrrp_instance VI_1 {\n interface\n}\n", "-t -f a.conf", 2),
        ("", "-t -f missing.conf", 4),
        ("", "-t -e -f missing.conf", 4),
        ("include nothing.conf\n", "-t -f a.conf", 0),
        ("include nothing.conf\n", "-t -e -f a.conf", 6),
        ("", "-S 9 -t -f a.conf", 5),
        ("", "-u zz -t -f a.conf", 0),
        // oracle: keepalived 2.2.7, which looks at the scripts of VRRP only when there are instances.
        ("vrrp_script chk {\n script /bin/true\n}\n", "-l -t -f a.conf", 0),
        (MISC_CHECK, "-l -t -f a.conf", 6),
    ];
    for (config, line, code) in cases {
        std::fs::write(dir.path().join("a.conf"), config).expect("a file");
        let output = vrrpd(&dir, line);
        assert_eq!(output.status.code(), Some(code), "{line} with {config:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "", "{line}");
    }
}

#[test]
fn a_problem_is_shown_in_keepaliveds_line_and_with_the_place_underlined() {
    let dir = directory();
    std::fs::write(dir.path().join("a.conf"), GOOD.replace("priority", "prioritty")).expect("a file");
    let output = vrrpd(&dir, "-t -f a.conf");
    let stderr = text(&output.stderr);
    assert!(stderr.contains("a.conf: Line 4) Unknown keyword 'prioritty'"), "{stderr}");
    assert!(stderr.contains("a.conf:4:2"), "{stderr}");
}

#[test]
fn the_report_can_go_to_a_file_of_its_owner_and_never_through_a_link() {
    let dir = directory();
    std::fs::write(dir.path().join("a.conf"), "bogus_keyword\n").expect("a file");
    for (line, file) in
        [("-tout -f a.conf", "out"), ("--config-test=long -f a.conf", "long"), ("-t=x -f a.conf", "=x")]
    {
        for times in [1, 2] {
            let output = vrrpd(&dir, line);
            assert_eq!((output.status.code(), text(&output.stderr)), (Some(5), ""), "{line}");
            let report = std::fs::read_to_string(dir.path().join(file)).expect("the report");
            assert_eq!(report.matches("Unknown keyword 'bogus_keyword'").count(), times, "{line}");
        }
        let mode = dir.path().join(file).metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    }
    std::os::unix::fs::symlink("target", dir.path().join("link")).expect("a link");
    let output = vrrpd(&dir, "-tlink -f a.conf");
    assert_eq!(output.status.code(), Some(1));
    assert!(!dir.path().join("target").exists());
}

/// oracle: by hand, from the rows of these keywords
#[test]
fn compat_tells_what_runs_and_ends_with_its_verdict() {
    let dir = directory();
    let file = dir.path().join("a.conf");
    for (config, line, code, words) in [
        (GOOD, "compat a.conf", 0, "All of it runs.\n"),
        (GOOD, "compat --format json a.conf", 0, "\"runs\": true"),
        (
            "vrrp_script s {\n script x\n init_fail\n}\n",
            "compat a.conf",
            0,
            "vrrp_script › init_fail  line 3\n",
        ),
        ("vrrp_script s {\n init_fail\n}\n", "compat --strict a.conf", 1, "1 that differ"),
        ("virtual_server 10.0.0.1 80 {\n}\n", "compat a.conf", 1, "Not all of it runs yet.\n"),
        ("vrrp_instance V {\n}\n", "compat a.conf", 1, "No daemon starts with this file"),
        ("bogus\n", "compat a.conf", 0, "1 line begins with no keyword"),
    ] {
        std::fs::write(&file, config).expect("a file");
        let output = vrrpd(&dir, line);
        let stdout = text(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{line} with {config:?}: {stdout}");
        assert!(stdout.contains(words), "{line} with {config:?}: {stdout}");
    }
    let output = vrrpd(&dir, "compat missing.conf");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""));
}

#[test]
fn under_keepaliveds_name_there_are_no_commands() {
    let dir = directory();
    let link = dir.path().join("keepalived");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_vrrpd"), &link).expect("a link");
    std::fs::write(dir.path().join("a.conf"), "").expect("a file");
    let output = run(&dir, &link, "compat -t -f a.conf");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "Unexpected argument(s): compat \n"));
}

/// oracle: by hand, as docs/DIAGNOSTICS.md describes the forms
#[test]
fn reports_for_programs_go_to_standard_output_or_to_the_file_that_is_named() {
    let dir = directory();
    std::fs::write(dir.path().join("a.conf"), GOOD.replace("priority", "prioritty")).expect("a file");
    let output = vrrpd(&dir, "-t --format json -f a.conf");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(5), ""));
    let report: serde_json::Value = serde_json::from_str(text(&output.stdout)).expect("JSON");
    let ids: Vec<_> = report["diagnostics"].as_array().expect("a list").iter().map(|d| &d["id"]).collect();
    assert!(ids.iter().any(|id| **id == "unknown-keyword"), "{report}");
    assert_eq!(report["exit_code"], 5);

    let output = vrrpd(&dir, "-tout --format=json -f a.conf");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(5), ""));
    let written = std::fs::read_to_string(dir.path().join("out")).expect("the report");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&written).expect("JSON"), report);

    let output = vrrpd(&dir, "-t --format github -f a.conf");
    assert!(
        text(&output.stdout)
            .contains("::error file=a.conf,line=4,col=2,endLine=4,endColumn=11,title=unknown-keyword::")
    );

    std::fs::write(dir.path().join("b.conf"), MISC_CHECK).expect("a file");
    let output = vrrpd(&dir, "-t --format json -f b.conf");
    assert_eq!(output.status.code(), Some(6));
    assert!(text(&output.stdout).contains("\"script-security\""));
}

#[test]
fn a_report_for_programs_is_for_the_test_of_a_configuration_only() {
    let dir = directory();
    for line in ["--format json -f a.conf", "-t --format yaml -f a.conf"] {
        let output = vrrpd(&dir, line);
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(text(&output.stderr).contains("--format"), "{line}");
    }
}

#[test]
fn colours_are_for_terminals_and_for_those_who_ask() {
    let dir = directory();
    std::fs::write(dir.path().join("a.conf"), "bogus_keyword\n").expect("a file");
    let shown = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vrrpd"));
        command.args(["-t", "-f", "a.conf"]).current_dir(dir.path()).env_remove("NO_COLOR");
        let output = command.envs(variables.iter().copied()).output().expect("it starts");
        text(&output.stderr).contains('\x1b')
    };
    assert!(!shown(&[]));
    assert!(shown(&[("CLICOLOR_FORCE", "1")]));
    assert!(!shown(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}

#[test]
fn what_a_repetition_does_wrong_is_shown_once() {
    let dir = directory();
    let config = "~SEQ(N,1,20) vrrp_script s$N {\nscript /bin/true\n}\n".replace("script /bin/true", "bogus");
    std::fs::write(dir.path().join("a.conf"), "~SEQ(N,1,20) bogus_keyword\n".to_owned() + &config)
        .expect("a file");
    let output = vrrpd(&dir, "-t -f a.conf");
    let stderr = text(&output.stderr);
    assert_eq!(stderr.matches("Unknown keyword 'bogus_keyword'").count(), 20, "{stderr}");
    assert_eq!(stderr.matches("error[unknown-keyword]: `bogus_keyword`").count(), 1, "{stderr}");
    assert!(stderr.contains("and so 19 more times"), "{stderr}");
}

#[test]
fn ids_are_explained() {
    let dir = directory();
    let output = vrrpd(&dir, "explain unknown-keyword");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("did you mean `priority 120`?"));
    let output = vrrpd(&dir, "explain unknwon-keyword");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
    assert!(text(&output.stderr).contains("did you mean `unknown-keyword`?"));
    assert!(text(&vrrpd(&dir, "explain").stdout).lines().count() > 50);
}
