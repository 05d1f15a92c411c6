//! Who used which address when, and on what evidence.
