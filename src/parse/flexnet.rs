//! The FlexNet debug log.
