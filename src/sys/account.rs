//! The user database: names of accounts to numbers and back.

use std::ffi::CString;
use std::io;

use nix::unistd::{Gid, Group, Uid, User};

/// A user and one of the user's groups.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Account {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl Account {
    /// The super-user.
    pub const ROOT: Self = Self { uid: 0, gid: 0 };

    /// The account that this process acts as.
    #[must_use]
    pub fn current() -> Self {
        Self { uid: nix::unistd::geteuid().as_raw(), gid: nix::unistd::getegid().as_raw() }
    }
}

/// Looks a user up; a number is a name like any other.
///
/// # Errors
/// The database cannot be read.
pub fn user(name: &str) -> io::Result<Option<Account>> {
    let found = User::from_name(name)?;
    Ok(found.map(|user| Account { uid: user.uid.as_raw(), gid: user.gid.as_raw() }))
}

/// Looks a group up; a number is a name like any other.
///
/// # Errors
/// The database cannot be read.
pub fn group(name: &str) -> io::Result<Option<u32>> {
    Ok(Group::from_name(name)?.map(|group| group.gid.as_raw()))
}

/// All groups of an account's user, the account's own first; of a user whom the database does not know, that
/// one alone.
///
/// # Errors
/// The database cannot be read.
pub fn groups(account: Account) -> io::Result<Vec<u32>> {
    let Some(user) = User::from_uid(Uid::from_raw(account.uid))? else { return Ok(vec![account.gid]) };
    let name = CString::new(user.name)?;
    let others = nix::unistd::getgrouplist(&name, Gid::from_raw(account.gid))?;
    let others = others.into_iter().map(Gid::as_raw).filter(|gid| *gid != account.gid);
    Ok(std::iter::once(account.gid).chain(others).collect())
}

/// The name of a user for messages: `www-data`, or `uid 33` when the database does not know it.
#[must_use]
pub fn user_label(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        _ => format!("uid {uid}"),
    }
}

/// The name of a group for messages: `adm`, or `gid 4` when the database does not know it.
#[must_use]
pub fn group_label(gid: u32) -> String {
    match Group::from_gid(Gid::from_raw(gid)) {
        Ok(Some(group)) => group.name,
        _ => format!("gid {gid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_known_by_name_and_not_by_number() {
        assert_eq!(user("root").unwrap(), Some(Account::ROOT));
        assert_eq!(user("0").unwrap(), None);
        assert_eq!(group("root").unwrap(), Some(0));
        assert_eq!(user_label(0), "root");
    }

    #[test]
    fn a_user_has_the_group_that_is_asked_for_and_those_of_the_database() {
        let groups = groups(Account { uid: 0, gid: 4 }).unwrap();
        assert_eq!(groups[0], 4);
        assert!(groups.iter().filter(|gid| **gid == 4).count() == 1);
    }

    #[test]
    fn a_stranger_is_not_an_error() {
        let stranger = Account { uid: 3_999_999_999, gid: 7 };
        assert_eq!(super::groups(stranger).unwrap(), [7]);
        assert_eq!(user("no such user").unwrap(), None);
        assert_eq!(group("no such group").unwrap(), None);
        assert_eq!(user_label(3_999_999_999), "uid 3999999999");
    }
}
