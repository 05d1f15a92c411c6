//! The logwatch of the licence server.
