//! The world of health: states, ratings, limits, pauses, ladders, and a month of it.

mod ladder;
mod limits;
mod month;
mod ratings;
mod states;
mod templates;

use std::time::Duration;

use greenline_sim::config::{ClockConfig, Health, Webhooks};
use greenline_sim::{Answered, Hidden, SAMPLE_NUMBER, Sim, SimConfig, Step, Unclear};
use http::Method;
use serde_json::Value;

use crate::support::{TOKEN, quick};

/// 1 November 2026, 00:00 UTC: limits are portfolios'.
const NEW_ERA_MS: i64 = 1_793_491_200_000;
/// 1 September 2025, 00:00 UTC: limits are numbers'.
const OLD_ERA_MS: i64 = 1_756_684_800_000;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// The sample world on a clock that stands still.
fn still(start_ms: i64) -> SimConfig {
    SimConfig {
        clock: ClockConfig {
            start_ms: Some(start_ms),
            stands_still: true,
        },
        webhooks: Webhooks {
            batch_max: 500,
            calls_max: 1,
            ..Webhooks::default()
        },
        ..quick()
    }
}

/// Thresholds that a test can count with.
fn round() -> Hidden {
    Hidden {
        oldest_counts: 0.1,
        report_counts: 3.0,
        mute_counts: 0.2,
        archive_counts: 0.1,
        native_stop_counts: 0.0,
        rated_from: 20.0,
        yellow_at: 0.02,
        red_at: 0.05,
        better_at: 0.8,
        template_rated_from: 20.0,
        template_yellow_at: 0.02,
        template_red_at: 0.05,
        template_unread_below: 0.0,
        spam_after_h: 48,
        spam_a_day: 5,
        enforced_at: 0.08,
        enforced_from: 20.0,
        grace_h: 12,
        ladder: vec![
            Step::Warning,
            Step::Templates(3),
            Step::Messages(7),
            Step::LockThenDisable(10),
        ],
        forgiven_after_h: 24 * 90,
        paced_first: 10,
        paced_for_s: 1_800,
        raise_after_s: 3_600,
        misuse_at: 5,
        utility_a_day: 7,
    }
}

/// A world in which only ratings happen by themselves.
fn rated() -> Health {
    Health {
        ratings: true,
        hidden: Some(round()),
        ..Health::scripted()
    }
}

fn with(start_ms: i64, health: Health, unclear: Unclear) -> SimConfig {
    SimConfig {
        health: Some(health),
        unclear: Some(unclear),
        ..still(start_ms)
    }
}

/// A send from the sample number without a socket.
async fn send(sim: &Sim, body: &Value) -> Answered {
    send_from(sim, SAMPLE_NUMBER, body).await
}

async fn send_from(sim: &Sim, number: &str, body: &Value) -> Answered {
    let target = format!("/v23.0/{number}/messages");
    sim.call(Method::POST, &target, TOKEN, body.to_string())
        .await
        .unwrap()
}

/// What a read of an object shows.
async fn read(sim: &Sim, target: &str) -> Value {
    let answer = sim.call(Method::GET, target, TOKEN, "").await.unwrap();
    serde_json::from_slice(&answer.body).unwrap()
}

fn person(n: usize) -> String {
    format!("1555020{n:04}")
}
