//! `lmstat -a` (FlexNet).
