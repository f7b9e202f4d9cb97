//! Tests of the project's structure: who may depend on whom, what pure crates stay away from, how long a file may be,
//! whether the paths in the documentation exist. They are in `tests/`; this library is empty.
