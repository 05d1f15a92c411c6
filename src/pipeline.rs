//! The night, told from top to bottom.
