//! placeholder

/// Runs the program and gives its exit code.
pub fn main(_args: impl Iterator<Item = std::ffi::OsString>) -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
