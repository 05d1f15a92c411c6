//! What the network knows of an address.
