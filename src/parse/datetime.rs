//! Dates as `date` prints them, French and English.
