//! argv in, exit code out; the work is in [`vrrpd::cli`].

fn main() -> std::process::ExitCode {
    vrrpd::cli::main(std::env::args_os())
}
