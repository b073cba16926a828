//! What one name answers with.
