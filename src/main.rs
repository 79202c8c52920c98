//! The `ninefold` command: parses, calls [`cli`], maps the outcome to an exit code.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
