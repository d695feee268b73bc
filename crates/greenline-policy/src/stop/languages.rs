//! The list of word files. Order decides which language is answered in when several share a word.

/// Lines that every language has: words known the world over.
pub(super) const SHARED: &str = include_str!("../../data/stop/und.txt");

/// Language tag and file.
pub(super) const FILES: &[(&str, &str)] = &[
    ("en", include_str!("../../data/stop/en.txt")),
    ("es", include_str!("../../data/stop/es.txt")),
    ("pt", include_str!("../../data/stop/pt.txt")),
    ("ca", include_str!("../../data/stop/ca.txt")),
    ("fr", include_str!("../../data/stop/fr.txt")),
    ("it", include_str!("../../data/stop/it.txt")),
    ("de", include_str!("../../data/stop/de.txt")),
    ("nl", include_str!("../../data/stop/nl.txt")),
    ("af", include_str!("../../data/stop/af.txt")),
    ("sv", include_str!("../../data/stop/sv.txt")),
    ("da", include_str!("../../data/stop/da.txt")),
    ("nb", include_str!("../../data/stop/nb.txt")),
    ("fi", include_str!("../../data/stop/fi.txt")),
    ("sw", include_str!("../../data/stop/sw.txt")),
    ("ar", include_str!("../../data/stop/ar.txt")),
    ("hi", include_str!("../../data/stop/hi.txt")),
    ("zh", include_str!("../../data/stop/zh.txt")),
    ("ru", include_str!("../../data/stop/ru.txt")),
    ("id", include_str!("../../data/stop/id.txt")),
    ("tr", include_str!("../../data/stop/tr.txt")),
    ("ja", include_str!("../../data/stop/ja.txt")),
    ("ko", include_str!("../../data/stop/ko.txt")),
    ("vi", include_str!("../../data/stop/vi.txt")),
    ("bn", include_str!("../../data/stop/bn.txt")),
    ("ur", include_str!("../../data/stop/ur.txt")),
    ("fa", include_str!("../../data/stop/fa.txt")),
    ("pl", include_str!("../../data/stop/pl.txt")),
    ("th", include_str!("../../data/stop/th.txt")),
    ("he", include_str!("../../data/stop/he.txt")),
    ("ro", include_str!("../../data/stop/ro.txt")),
    ("uk", include_str!("../../data/stop/uk.txt")),
];
