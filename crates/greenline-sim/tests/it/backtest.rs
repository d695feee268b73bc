//! Forecasts held against a world whose thresholds are hidden: a small run of `cargo xtask bench forecast`.

#[path = "../../examples/backtest/run.rs"]
mod run;

use greenline_sim::{Hidden, Unclear};
use run::{Life, Settings, lived};

const DAYS: usize = 8;

fn small() -> Settings {
    Settings {
        numbers: 10,
        days: DAYS,
        seed: 40,
        most: 20,
    }
}

/// Thresholds that nobody ever reaches.
fn out_of_reach(scale: f64) -> Hidden {
    Hidden {
        rated_from: 1e9 * scale,
        yellow_at: 0.5 * scale,
        red_at: 0.9 * scale,
        template_rated_from: 1e9 * scale,
        template_yellow_at: 0.5 * scale,
        template_red_at: 0.9 * scale,
        enforced_at: scale,
        enforced_from: 1e9 * scale,
        spam_after_h: 1_000,
        misuse_at: 1_000,
        // The rest decides nothing while none of these is reached, but for how long raises and pacing take.
        ..Hidden::drawn(7, &Unclear::default())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_numbers_are_told_a_forecast_every_evening() {
    let (report, all) = run::backtest(small()).await;
    assert!(report.sends > 300, "{}", report.sends);
    assert_eq!(report.forecasts, 10 * DAYS);
    let evenings: Vec<_> = all.iter().flat_map(run::evenings).collect();
    assert_eq!(evenings.len(), 10 * DAYS);
    assert_eq!(evenings[DAYS + 2]["seed"], 41);
    for warnings in report.rating.iter().chain(&report.enforcement) {
        assert!(warnings.lead_days.len() <= warnings.happened);
    }
    // Whatever is warned of at high is warned of at raised, and not later.
    assert!(report.rating[0].lead_days.len() >= report.rating[1].lead_days.len());
    let judged: usize = report.rating_days.iter().map(|days| days.days).sum();
    assert!(judged > 0);
    let raises = &report.raises;
    assert!(raises.due_and_raised <= raises.due && raises.open_and_raised <= raises.open);
    assert!(report.lowered_foretold <= report.lowered);
    assert!(report.text().contains("false alarms"));
    assert_eq!(report.json()["forecasts"], 10 * DAYS);
}

/// The same life under two sets of hidden thresholds that never show: whoever read what is hidden would tell them apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forecast_reads_nothing_that_is_hidden() {
    for seed in [44] {
        let hidden = |scale| {
            let mut life = Life::drawn(seed, small());
            life.hidden = Some(out_of_reach(scale));
            life
        };
        let (one, other) = (lived(&hidden(1.0)).await, lived(&hidden(3.0)).await);
        assert_eq!(one.forecasts, other.forecasts, "seed {seed}");
        assert_eq!(one.sends, other.sends);
    }
}
