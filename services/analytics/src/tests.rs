//! Analytics as a whole, over the embedded log and store.
