use std::process::Command;
use tap_acceptance_tests::sandbox_python;

/// The invocation's log when whoever reads the function's output gets the processor seldom.
fn log_of(ministack: &str) -> String {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shims/logs.py");
    let shims = concat!(env!("CARGO_MANIFEST_DIR"), "/sandbox");
    let mut command = Command::new(sandbox_python().unwrap());
    let output = command.args([here, ministack, shims]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn all_that_a_function_wrote_before_its_answer_is_in_its_log() {
    assert_eq!(log_of("plain"), "one", "ministack is mended: the shim can go");
    assert_eq!(log_of("shimmed"), "one two three");
}
