//! Greenline.
