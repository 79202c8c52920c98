//! Builds the sources of the library with loom's memory in place of the standard library's, without a flag to remember.
fn main() {
    println!("cargo:rustc-cfg=loom");
    println!("cargo:rerun-if-changed=build.rs");
}
