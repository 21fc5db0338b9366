use super::*;
use std::os::unix::fs::PermissionsExt;

const OTHER: Account = Account { uid: 65_534, gid: 65_534 };

fn command(path: impl AsRef<Path>, account: Account) -> ScriptCommand {
    let word = path.as_ref().to_str().unwrap().to_owned();
    ScriptCommand { argv: vec![word, "-x".to_owned()], uid: Some(account.uid), gid: Some(account.gid) }
}

fn script(dir: &Path, mode: u32) -> PathBuf {
    let path = dir.join("script");
    std::fs::write(&path, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    path
}

const STRICT: Rules = Rules { strict: true, keeps_links: false, all_groups: false };

#[test]
fn a_command_of_the_system_is_approved_as_its_resolved_file() {
    let approved = judge(&command("/bin/sh", Account::ROOT), STRICT).unwrap();
    assert_eq!(approved.command.file, std::fs::canonicalize("/bin/sh").unwrap());
    // oracle: `Command` in the dump of keepalived 2.2.7: the real directory, and the name that was asked for.
    let name = approved.command.file.with_file_name("sh");
    assert_eq!(approved.command.argv, [name.as_os_str(), OsStr::new("-x")]);
    assert_eq!((approved.found_in_path, approved.weakness), (None, None));
}

#[test]
fn a_bare_name_is_looked_for_in_path() {
    let approved = judge(&command("sh", Account::ROOT), Rules::default()).unwrap();
    let found = approved.found_in_path.unwrap();
    assert!(found.is_absolute() && found.ends_with("sh"));
    assert_eq!(approved.command.argv, [found.as_os_str(), OsStr::new("-x")]);
    let refusal = judge(&command("no-such-command", Account::ROOT), Rules::default()).unwrap_err();
    assert_eq!(refusal.to_string(), "Cannot find script no-such-command in path - disabling");
}

#[test]
fn what_others_can_write_is_refused_to_root_only_and_only_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let path = script(dir.path(), 0o757);
    let refusal = judge(&command(&path, Account::ROOT), STRICT).unwrap_err();
    // oracle: keepalived 2.2.7
    assert_eq!(
        refusal.to_string(),
        format!("Unsafe permissions found for script '{}' - disabling.", path.display())
    );
    assert!(matches!(refusal, Refusal::Insecure(..)));
    assert!(judge(&command(&path, Account::ROOT), Rules::default()).unwrap().weakness.is_some());
    assert_eq!(judge(&command(&path, OTHER), STRICT).unwrap().weakness, None);
}

#[test]
fn a_weakness_names_the_component_its_owner_its_mode_and_the_remedy() {
    let weakness = |owner, mode| Weakness { component: "/opt/x".into(), owner, mode }.to_string();
    assert_eq!(
        weakness(Account { uid: 3_999_999_999, gid: 0 }, 0o755),
        "  `/opt/x` belongs to uid 3999999999:root and has mode 0755, so uid 3999999999 can change what root runs; \
         mend it with `chown root /opt/x`"
    );
    assert!(weakness(Account::ROOT, 0o1757).ends_with(
        "root:root and has mode 1757, so anybody can change what root runs; mend it with `chmod o-w /opt/x`"
    ));
    assert!(
        weakness(Account { uid: 0, gid: 3_999_999_999 }, 0o775)
            .ends_with("so group gid 3999999999 can change what root runs; mend it with `chmod g-w /opt/x`")
    );
}

#[test]
fn what_cannot_be_executed_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let refusal = judge(&command(&missing, Account::ROOT), Rules::default()).unwrap_err();
    // oracle: keepalived 2.2.7
    let text = format!("Script {} cannot be accessed - No such file or directory", missing.display());
    assert_eq!(refusal.to_string(), text);
    let path = script(dir.path(), 0o644);
    let refusal = judge(&command(&path, OTHER), Rules::default()).unwrap_err();
    let text = format!(
        "WARNING - script '{}' is not executable for uid:gid 65534:65534 - disabling.",
        path.display()
    );
    assert_eq!(refusal.to_string(), text);
    assert!(matches!(judge(&command(dir.path(), OTHER), Rules::default()), Err(Refusal::NotAFile(_))));
}

#[test]
fn only_the_bits_of_ones_own_class_count() {
    let dir = tempfile::tempdir().unwrap();
    let path = script(dir.path(), 0o611);
    let metadata = std::fs::metadata(&path).unwrap();
    let (uid, gid) = (metadata.uid(), metadata.gid());
    assert!(is_executable(&metadata, Account::ROOT, &[0]));
    assert!(is_executable(&metadata, Account { uid: 4_000_000, gid }, &[gid]));
    let in_it_as_well = [4_000_000, gid];
    let path = script(dir.path(), 0o710);
    let closed = std::fs::metadata(&path).unwrap();
    assert!(is_executable(&closed, Account { uid: 4_000_000, gid: 4_000_000 }, &in_it_as_well));
    assert!(!is_executable(&closed, Account { uid: 4_000_000, gid: 4_000_000 }, &[4_000_000]));
    assert!(is_executable(&metadata, Account { uid: 4_000_000, gid: 4_000_000 }, &[4_000_000]));
    if uid != 0 {
        assert!(!is_executable(&metadata, Account { uid, gid }, &[gid]));
    }
}

#[test]
fn a_link_is_followed_or_kept_and_then_must_be_safe_as_well() {
    let links = tempfile::tempdir().unwrap();
    let link = links.path().join("check");
    std::os::unix::fs::symlink("/bin/sh", &link).unwrap();
    let followed = judge(&command(&link, OTHER), Rules::default()).unwrap();
    assert_eq!(followed.command.file, std::fs::canonicalize("/bin/sh").unwrap());
    let keeping = Rules { keeps_links: true, ..Rules::default() };
    let kept = judge(&command(&link, OTHER), keeping).unwrap();
    assert_eq!((&kept.command.file, kept.command.argv[0].as_os_str()), (&link, link.as_os_str()));
    // The directory of the link is anybody's.
    std::fs::set_permissions(links.path(), std::fs::Permissions::from_mode(0o757)).unwrap();
    assert!(judge(&command(&link, Account::ROOT), STRICT).is_ok());
    let weakness = judge(&command(&link, Account::ROOT), keeping).unwrap().weakness;
    assert_eq!(weakness.map(|weakness| weakness.component), Some(links.path().to_owned()));
}
