//! Properties: what can never be a stop, whatever the words.

use greenline_policy::stop::{Settings, recognise};

/// A small deterministic source of numbers; the seed is printed on failure.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

const STOPS: &[&str] = &[
    "stop",
    "STOP",
    "unsubscribe",
    "baja",
    "退订",
    "opt out",
    "abmelden",
    "parar",
    "cancel",
    "Désabonner",
    "arrêt",
];

/// Words that no polite phrase or pattern is made of.
const UNRELATED: &[&str] = &[
    "window",
    "yellow",
    "parcel",
    "Tuesday",
    "kitchen",
    "invoice",
    "blue",
    "size",
    "delivery",
    "shoes",
    "train",
    "42",
    "camión",
    "Fenster",
    "fromage",
    "bicicletta",
    "корабль",
    "مطبخ",
    "खिड़की",
    "窓",
    "창문",
    "ตู้เย็น",
];

#[test]
fn a_stop_word_among_unrelated_words_is_no_stop() {
    for seed in 1..=20_000u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut words: Vec<&str> = (0..=dice.roll(6)).map(|_| dice.pick(UNRELATED)).collect();
        let at = dice.roll(words.len() + 1);
        words.insert(at, dice.pick(STOPS));
        let text = words.join(dice.pick(&[" ", "  ", ", ", " - ", "\n"]));
        assert_eq!(
            recognise(&text, &Settings::default()),
            None,
            "seed {seed}: `{text}`"
        );
    }
}

#[test]
fn a_stop_word_inside_a_word_is_no_stop() {
    for text in [
        "nonstopflug",
        "stopwatch",
        "Stoppuhr",
        "autostop",
        "unstoppable",
        "bajando",
        "stop1",
        "xstop",
        "abmeldend",
    ] {
        assert_eq!(recognise(text, &Settings::default()), None, "`{text}`");
    }
}

#[test]
fn random_noise_is_read_without_harm() {
    for seed in 1..=5_000u64 {
        let mut dice = Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let text: String = (0..dice.roll(60))
            .filter_map(|_| char::from_u32(dice.roll(0x1_2000) as u32))
            .collect();
        assert_eq!(
            recognise(&text, &Settings::default()),
            None,
            "seed {seed}: `{text}`"
        );
    }
}
