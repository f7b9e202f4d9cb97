//! Scenarios of the whole system, seen from outside: the real program as a child process, spoken to over its ports. They
//! are in `tests/`; this library is empty.
