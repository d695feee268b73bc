//! What a gated send costs: `greenline serve` against nginx `proxy_pass`, in front of the same upstream, in the same run.
//!
//! The two take turns under the same load, rounds alternating, with decisions durable on SQLite before they are
//! forwarded. Everything stays on loopback and every round has a fixed length. CPU is what the kernel
//! charged to the proxy's own processes, so the load and the upstream do not count.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::server::{Server, free_port};
use crate::options::Options;
use crate::places::{Places, find_program};

/// At most this many times nginx's CPU per request.
const CPU_RATIO_MAX: f64 = 2.0;
/// At least this share of nginx's requests per second.
const RATE_RATIO_MIN: f64 = 0.5;
/// People with an opt-in; sends go round among them. So many that nobody is sent to twice within six seconds, which the
/// pair limit would refuse after a while.
const PEOPLE: u64 = 400_000;
/// First of their numbers.
const FIRST_PERSON: u64 = 15_550_000_000;
/// Connections of the load.
const CONNECTIONS: u32 = 64;
/// What the upstream answers, as the platform does: no two messages have one id.
const ACCEPTED: &str = r#"{"messaging_product":"whatsapp","contacts":[{"input":"15550000001","wa_id":"15550000001"}],"messages":[{"id":"wamid.HBgLMTU1NTAwMDAwMDEVAgARGBI0QTdG$request_id"}]}"#;

struct Round {
    rate: f64,
    cpu_us: f64,
}

struct Settings {
    rounds: usize,
    seconds: u32,
}

/// The three servers' ports and the folder they live in.
struct Bench {
    folder: PathBuf,
    upstream: u16,
    nginx: u16,
    private: u16,
    public: u16,
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let settings = settings(args)?;
    let nginx =
        find_program("nginx").context("nginx is not installed; `cargo xtask setup` installs it")?;
    let wrk =
        find_program("wrk").context("wrk is not installed; `cargo xtask setup` installs it")?;
    let places = Places::find()?;
    let greenline = super::built_program(&places)?;
    let folder = std::env::temp_dir().join(format!("greenline-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let bench = Bench {
        folder,
        upstream: free_port()?,
        nginx: free_port()?,
        private: free_port()?,
        public: free_port()?,
    };
    let outcome = measure(&bench, &nginx, &wrk, &greenline, &settings);
    fs::remove_dir_all(&bench.folder)?;
    outcome
}

fn settings(args: &[String]) -> Result<Settings> {
    let options = Options::read(args, &["--rounds", "--seconds"], &[])?;
    Ok(Settings {
        rounds: options.value("--rounds", 5)?,
        seconds: options.value("--seconds", 5)?,
    })
}

fn measure(
    bench: &Bench,
    nginx: &Path,
    wrk: &Path,
    greenline: &Path,
    settings: &Settings,
) -> Result<()> {
    let folder = &bench.folder;
    let upstream_conf = bench.write("upstream.conf", &upstream_conf(bench))?;
    let proxy_conf = bench.write("proxy.conf", &proxy_conf(bench))?;
    let config = bench.write("greenline.toml", &greenline_conf(bench))?;
    let script = bench.write("send.lua", &load_script())?;
    import_people(bench, greenline, &config)?;
    let start_nginx = |name, conf: &Path, port| {
        let mut command = Command::new(nginx);
        command.arg("-p").arg(folder).arg("-c").arg(conf);
        Server::start(
            name,
            &mut command,
            port,
            &folder.join(format!("{name}.log")),
        )
    };
    let _upstream = start_nginx("upstream", &upstream_conf, bench.upstream)?;
    let proxy = start_nginx("nginx", &proxy_conf, bench.nginx)?;
    let mut command = Command::new(greenline);
    command.arg("serve").arg("--config").arg(&config);
    let gateway = Server::start(
        "greenline",
        &mut command,
        bench.private,
        &folder.join("greenline.log"),
    )?;
    let load = |server: &Server, port| load(wrk, &script, server, port, settings.seconds);
    // One short round each to fill pools and caches, not counted.
    load(&proxy, bench.nginx)?;
    load(&gateway, bench.private)?;
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for round in 1..=settings.rounds {
        theirs.push(load(&proxy, bench.nginx)?);
        ours.push(load(&gateway, bench.private)?);
        println!(
            "round {round}: nginx {:.0}/s {:.1} µs, greenline {:.0}/s {:.1} µs",
            theirs[round - 1].rate,
            theirs[round - 1].cpu_us,
            ours[round - 1].rate,
            ours[round - 1].cpu_us
        );
    }
    if report(&theirs, &ours) {
        Ok(())
    } else {
        bail!("the budget is missed")
    }
}

impl Bench {
    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(path)
    }
}

fn nginx_conf(server: &str) -> String {
    format!(
        "daemon off;\nworker_processes 2;\npid nginx-{}.pid;\nerror_log stderr warn;\nevents {{ worker_connections 4096; }}\nhttp {{\naccess_log off;\nclient_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\nuwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\nkeepalive_requests 100000000;\n{server}\n}}\n",
        server.len()
    )
}

fn upstream_conf(bench: &Bench) -> String {
    nginx_conf(&format!(
        "server {{ listen 127.0.0.1:{}; location / {{ default_type application/json; return 200 '{ACCEPTED}'; }} }}",
        bench.upstream
    ))
}

fn proxy_conf(bench: &Bench) -> String {
    nginx_conf(&format!(
        "upstream platform {{ server 127.0.0.1:{}; keepalive 256; keepalive_requests 100000000; }}\nserver {{ listen 127.0.0.1:{}; location / {{ proxy_pass http://platform; proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }}",
        bench.upstream, bench.nginx
    ))
}

fn greenline_conf(bench: &Bench) -> String {
    format!(
        r#"[listen]
public = "127.0.0.1:{public}"
private = "127.0.0.1:{private}"
[store]
url = "sqlite:{folder}/greenline.db"
[upstream]
url = "http://127.0.0.1:{upstream}"
poll_interval_s = 3600
[[admin.token]]
name = "bench"
key = "bench-admin"
may = "admin"
[[business]]
id = "acme"
name = "Acme"
access_token = "platform-token"
app_secret = "app-secret"
[[business.number]]
phone_number_id = "301500000000001"
waba_id = "201500000000001"
[[business.app]]
name = "bench"
key = "bench-key"
"#,
        public = bench.public,
        private = bench.private,
        upstream = bench.upstream,
        folder = bench.folder.display(),
    )
}

fn import_people(bench: &Bench, greenline: &Path, config: &Path) -> Result<()> {
    let mut csv =
        String::from("wa_id,scope,event,occurred_at,method,wording,business_name,source\n");
    for person in 0..PEOPLE {
        let wa_id = FIRST_PERSON + person;
        writeln!(
            csv,
            "{wa_id},all,granted,2026-01-01T00:00:00Z,website_form,Yes please,Acme,https://acme.example"
        )?;
    }
    let file = bench.write("people.csv", &csv)?;
    let output = Command::new(greenline)
        .args(["consent", "import", "--business", "acme", "--config"])
        .arg(config)
        .arg(&file)
        .output()
        .context("cannot import people")?;
    if !output.status.success() {
        bail!(
            "the import failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// A template send of about 400 bytes to one person after the other.
fn load_script() -> String {
    format!(
        r#"local person = 0
local offset = 0
local threads = 0
function setup(thread) thread:set("offset", threads * 9973); threads = threads + 1 end
function request()
  person = (person + 1) % {PEOPLE}
  local to = string.format("%d", {FIRST_PERSON} + (person + offset) % {PEOPLE})
  local body = '{{"messaging_product":"whatsapp","recipient_type":"individual","to":"' .. to .. '","type":"template","template":{{"name":"order_update","language":{{"code":"en_US"}},"components":[{{"type":"body","parameters":[{{"type":"text","text":"Your order 4711 has left our warehouse and will reach you tomorrow between nine and twelve. You can follow it on our site."}}]}}]}}}}'
  return wrk.format("POST", "/v23.0/301500000000001/messages", {{["Content-Type"]="application/json", ["Authorization"]="Bearer bench-key"}}, body)
end
local bad = 0
function response(status) if status ~= 200 then bad = bad + 1; if bad == 1 then io.stderr:write("status " .. status .. "\n") end end end
"#
    )
}

fn load(wrk: &Path, script: &Path, server: &Server, port: u16, seconds: u32) -> Result<Round> {
    let before = server.cpu_seconds()?;
    let output = Command::new(wrk)
        .args([
            "--threads",
            "1",
            "--connections",
            &CONNECTIONS.to_string(),
            "--duration",
            &format!("{seconds}s"),
        ])
        .arg("--script")
        .arg(script)
        .arg(format!("http://127.0.0.1:{port}"))
        .output()?;
    let after = server.cpu_seconds()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("Non-2xx") || text.contains("Socket errors") || !output.status.success() {
        bail!(
            "the load saw errors:\n{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let requests: f64 = number_before(&text, " requests in").context("wrk said nothing")?;
    let rate: f64 = text
        .split_once("Requests/sec:")
        .and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok())
        .context("wrk named no rate")?;
    Ok(Round {
        rate,
        cpu_us: (after - before) * 1e6 / requests,
    })
}

fn number_before(text: &str, mark: &str) -> Option<f64> {
    text.split_once(mark)?
        .0
        .split_whitespace()
        .next_back()?
        .parse()
        .ok()
}

/// Prints the ratios and says whether both budgets are kept.
fn report(theirs: &[Round], ours: &[Round]) -> bool {
    let ratios = |figure: fn(&Round) -> f64| {
        let mut ratios: Vec<f64> = theirs
            .iter()
            .zip(ours)
            .map(|(theirs, ours)| figure(ours) / figure(theirs))
            .collect();
        ratios.sort_by(f64::total_cmp);
        ratios
    };
    let line = |what: &str, ratios: &[f64], budget: &str, kept: bool| -> bool {
        let verdict = if kept { "kept" } else { "MISSED" };
        println!(
            "{what}: {:.2} times nginx (lowest {:.2}, highest {:.2}); budget {budget}: {verdict}",
            ratios[ratios.len() / 2],
            ratios[0],
            ratios[ratios.len() - 1]
        );
        kept
    };
    let cpu = ratios(|round| round.cpu_us);
    let rate = ratios(|round| round.rate);
    let cpu_kept = line(
        "CPU per request",
        &cpu,
        &format!("at most {CPU_RATIO_MAX}"),
        cpu[cpu.len() / 2] <= CPU_RATIO_MAX,
    );
    let rate_kept = line(
        "requests per second",
        &rate,
        &format!("at least {RATE_RATIO_MIN}"),
        rate[rate.len() / 2] >= RATE_RATIO_MIN,
    );
    cpu_kept && rate_kept
}
