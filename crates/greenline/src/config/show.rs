//! The settings in force as a table, every secret replaced by a mark that it is there.
//!
//! Each section is taken apart by name, so that a setting added to the configuration cannot be
//! forgotten here: the compiler asks for it.

use std::collections::BTreeMap;

use greenline_gateway::config::alerts::{Alerts, EmailChannel, SlackChannel, Smtp};
use greenline_gateway::config::{
    Admin, AdminToken, App, Avenues, Business, Config, Events, FrequencyCap, Imports, Keys, Limits,
    Listen, May, MetaApp, Mode, Number, OptIn, OptInForm, OwnRule, Page, Proof, QualityGuard,
    QuietHours, Relay, RepliesWhenDown, Retention, Screenings, Secret, StopAt, StopCloses, Store,
    Subscription, Template, Upstream,
};
use toml::{Table, Value};

/// What stands for a secret.
const SECRET: &str = "(secret)";

/// All of it.
pub(super) fn table(config: &Config) -> Table {
    let Config {
        listen,
        store,
        keys,
        proof,
        upstream,
        limits,
        relay,
        events,
        alerts,
        imports,
        screenings,
        retention,
        admin,
        meta_app,
        business,
    } = config;
    let Admin { token } = admin;
    let mut all = Table::new();
    all.put("listen", self::listen(listen));
    all.put("store", self::store(store));
    let Keys { file } = keys;
    all.put(
        "keys",
        Table::from_iter([("file".to_owned(), file.as_str().into())]),
    );
    all.put("proof", self::proof(proof));
    all.put("upstream", self::upstream(upstream));
    all.put("limits", self::limits(limits));
    all.put("relay", self::relay(relay));
    all.put("events", self::events(events));
    all.put("alerts", self::alerts(alerts));
    all.put("imports", self::imports(imports));
    all.put("screenings", self::screenings(screenings));
    all.put("retention", self::retention(retention));
    all.put(
        "admin",
        Table::from_iter([("token".to_owned(), many(token, self::token))]),
    );
    all.put("meta_app", many(meta_app, self::meta_app));
    all.put("business", many(business, self::business));
    all
}

/// Adding of settings of every kind that the configuration has.
trait Put {
    fn put(&mut self, name: &str, value: impl Into<Value>);

    fn put_count(&mut self, name: &str, count: impl TryInto<i64>) {
        self.put(name, count.try_into().unwrap_or(i64::MAX));
    }

    fn put_secret(&mut self, name: &str, secret: &Secret) {
        self.put(name, if secret.is_empty() { "" } else { SECRET });
    }
}

impl Put for Table {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.insert(name.to_owned(), value.into());
    }
}

fn many<T>(list: &[T], one: impl Fn(&T) -> Table) -> Value {
    Value::Array(list.iter().map(|item| Value::Table(one(item))).collect())
}

fn listen(listen: &Listen) -> Table {
    let Listen {
        public,
        private,
        public_url,
        private_url,
        public_proxies,
    } = listen;
    let mut table = Table::new();
    table.put("public", public.to_string());
    table.put("private", private.to_string());
    table.put("public_url", public_url.as_str());
    table.put("private_url", private_url.as_str());
    table.put_count("public_proxies", *public_proxies as u64);
    table
}

fn store(store: &Store) -> Table {
    let Store {
        url,
        replies_when_down,
        spill,
        spill_bytes_max,
        queue_max,
        batch_max,
    } = store;
    let mut table = Table::new();
    table.put("url", url.to_string());
    table.put(
        "replies_when_down",
        match replies_when_down {
            RepliesWhenDown::Refuse => "refuse",
            RepliesWhenDown::Forward => "forward",
        },
    );
    table.put("spill", spill.as_str());
    table.put_count("spill_bytes_max", *spill_bytes_max);
    table.put_count("queue_max", *queue_max);
    table.put_count("batch_max", *batch_max);
    table
}

fn proof(proof: &Proof) -> Table {
    let Proof {
        seal_every_ms,
        publish,
        publish_every_s,
        allow_hosts,
    } = proof;
    let mut table = Table::new();
    table.put_count("seal_every_ms", *seal_every_ms);
    table.put("publish", publish.as_str());
    table.put_count("publish_every_s", *publish_every_s);
    table.put("allow_hosts", allow_hosts.clone());
    table
}

fn upstream(upstream: &Upstream) -> Table {
    let Upstream {
        url,
        connect_timeout_ms,
        timeout_ms,
        idle_ms,
        idle_connections_max,
        concurrency_per_number_max,
        poll_interval_s,
        token_poll_interval_s,
    } = upstream;
    let mut table = Table::new();
    table.put("url", url.as_str());
    table.put_count("connect_timeout_ms", *connect_timeout_ms);
    table.put_count("timeout_ms", *timeout_ms);
    table.put_count("idle_ms", *idle_ms);
    table.put_count("idle_connections_max", *idle_connections_max);
    table.put_count("concurrency_per_number_max", *concurrency_per_number_max);
    table.put_count("poll_interval_s", *poll_interval_s);
    table.put_count("token_poll_interval_s", *token_poll_interval_s);
    table
}

fn limits(limits: &Limits) -> Table {
    let Limits {
        send_body_bytes_max,
        webhook_body_bytes_max,
        pass_body_bytes_max,
        answer_bytes_max,
        admin_body_bytes_max,
        hold_max_hours,
        held_per_app_max,
        held_per_business_max,
        held_body_bytes_max,
        client_timeout_ms,
        connections_max,
        page_rows_max,
        decision_questions_max,
        decision_batches_max,
        decision_batch_timeout_ms,
        preference_views_per_minute_max,
        preference_undos_per_hour_max,
        preference_strays_per_minute_max,
        opt_in_views_per_minute_max,
        opt_in_forms_per_hour_max,
        opt_in_forms_per_business_per_hour_max,
    } = limits;
    let mut table = Table::new();
    table.put_count("send_body_bytes_max", *send_body_bytes_max);
    table.put_count("webhook_body_bytes_max", *webhook_body_bytes_max);
    table.put_count("pass_body_bytes_max", *pass_body_bytes_max);
    table.put_count("answer_bytes_max", *answer_bytes_max);
    table.put_count("admin_body_bytes_max", *admin_body_bytes_max);
    table.put_count("hold_max_hours", *hold_max_hours);
    table.put_count("held_per_app_max", *held_per_app_max);
    table.put_count("held_per_business_max", *held_per_business_max);
    table.put_count("held_body_bytes_max", *held_body_bytes_max);
    table.put_count("client_timeout_ms", *client_timeout_ms);
    table.put_count("connections_max", *connections_max);
    table.put_count("page_rows_max", *page_rows_max);
    table.put_count("decision_questions_max", *decision_questions_max);
    table.put_count("decision_batches_max", *decision_batches_max);
    table.put_count("decision_batch_timeout_ms", *decision_batch_timeout_ms);
    table.put_count(
        "preference_views_per_minute_max",
        *preference_views_per_minute_max,
    );
    table.put_count(
        "preference_undos_per_hour_max",
        *preference_undos_per_hour_max,
    );
    table.put_count(
        "preference_strays_per_minute_max",
        *preference_strays_per_minute_max,
    );
    table.put_count("opt_in_views_per_minute_max", *opt_in_views_per_minute_max);
    table.put_count("opt_in_forms_per_hour_max", *opt_in_forms_per_hour_max);
    table.put_count(
        "opt_in_forms_per_business_per_hour_max",
        *opt_in_forms_per_business_per_hour_max,
    );
    table
}

fn relay(relay: &Relay) -> Table {
    let Relay {
        retry_hours,
        backoff_first_ms,
        backoff_last_ms,
        timeout_ms,
        concurrency_max,
        allow_hosts,
    } = relay;
    let mut table = Table::new();
    table.put_count("retry_hours", *retry_hours);
    table.put_count("backoff_first_ms", *backoff_first_ms);
    table.put_count("backoff_last_ms", *backoff_last_ms);
    table.put_count("timeout_ms", *timeout_ms);
    table.put_count("concurrency_max", *concurrency_max);
    table.put("allow_hosts", allow_hosts.clone());
    table
}

fn events(events: &Events) -> Table {
    let Events {
        retry_after_s,
        pause_after_days,
        timeout_ms,
        concurrency_max,
        imports_per_second_max,
        allow_hosts,
    } = events;
    let count = |seconds: &u64| Value::Integer(i64::try_from(*seconds).unwrap_or(i64::MAX));
    let pauses: Vec<Value> = retry_after_s.iter().map(count).collect();
    let mut table = Table::new();
    table.put("retry_after_s", pauses);
    table.put_count("pause_after_days", *pause_after_days);
    table.put_count("timeout_ms", *timeout_ms);
    table.put_count("concurrency_max", *concurrency_max);
    table.put_count("imports_per_second_max", *imports_per_second_max);
    table.put("allow_hosts", allow_hosts.clone());
    table
}

fn alerts(alerts: &Alerts) -> Table {
    let Alerts {
        look_every_s,
        cool_down_minutes,
        limit_near_percent,
        restriction_ends_hours,
        webhooks_silent_minutes,
        reads_failing_minutes,
        token_expiring_days,
        token_expires_soon_days,
        timeout_ms,
        allow_hosts,
        smtp,
        slack,
        email,
    } = alerts;
    let mut table = Table::new();
    table.put_count("look_every_s", *look_every_s);
    table.put_count("cool_down_minutes", *cool_down_minutes);
    table.put_count("limit_near_percent", *limit_near_percent);
    table.put_count("restriction_ends_hours", *restriction_ends_hours);
    table.put_count("webhooks_silent_minutes", *webhooks_silent_minutes);
    table.put_count("reads_failing_minutes", *reads_failing_minutes);
    table.put_count("token_expiring_days", *token_expiring_days);
    table.put_count("token_expires_soon_days", *token_expires_soon_days);
    table.put_count("timeout_ms", *timeout_ms);
    table.put("allow_hosts", allow_hosts.clone());
    table.put("smtp", self::smtp(smtp));
    table.put("slack", many(slack, self::slack_channel));
    table.put("email", many(email, self::email_channel));
    table
}

fn smtp(smtp: &Smtp) -> Table {
    let Smtp {
        host,
        port,
        tls,
        username,
        password,
        from,
    } = smtp;
    let mut table = Table::new();
    table.put("host", host.as_str());
    table.put_count("port", *port);
    table.put("tls", tls.as_str());
    table.put("username", username.as_str());
    table.put_secret("password", password);
    table.put("from", from.as_str());
    table
}

fn slack_channel(channel: &SlackChannel) -> Table {
    let SlackChannel {
        name,
        url,
        businesses,
        kinds,
    } = channel;
    let mut table = Table::new();
    table.put("name", name.as_str());
    table.put_secret("url", url);
    table.put("businesses", businesses.clone());
    table.put("kinds", kinds.clone());
    table
}

fn email_channel(channel: &EmailChannel) -> Table {
    let EmailChannel {
        name,
        to,
        businesses,
        kinds,
    } = channel;
    let mut table = Table::new();
    table.put("name", name.as_str());
    table.put("to", to.clone());
    table.put("businesses", businesses.clone());
    table.put("kinds", kinds.clone());
    table
}

fn imports(imports: &Imports) -> Table {
    let Imports {
        folder,
        bytes_max,
        rows_max,
    } = imports;
    let mut table = Table::new();
    table.put("folder", folder.as_str());
    table.put_count("bytes_max", *bytes_max);
    table.put_count("rows_max", *rows_max);
    table
}

fn screenings(screenings: &Screenings) -> Table {
    let Screenings {
        folder,
        bytes_max,
        rows_max,
        waiting_max,
    } = screenings;
    let mut table = Table::new();
    table.put("folder", folder.as_str());
    table.put_count("bytes_max", *bytes_max);
    table.put_count("rows_max", *rows_max);
    table.put_count("waiting_max", *waiting_max);
    table
}

fn retention(retention: &Retention) -> Table {
    let Retention {
        bodies_days,
        decisions_days,
        replies_days,
        timeline_days,
        imports_days,
        screenings_days,
    } = retention;
    let mut table = Table::new();
    table.put_count("bodies_days", *bodies_days);
    table.put_count("decisions_days", *decisions_days);
    table.put_count("replies_days", *replies_days);
    table.put_count("timeline_days", *timeline_days);
    table.put_count("imports_days", *imports_days);
    table.put_count("screenings_days", *screenings_days);
    table
}

fn token(token: &AdminToken) -> Table {
    let AdminToken {
        name,
        key,
        businesses,
        may,
    } = token;
    let mut table = Table::new();
    table.put("name", name.as_str());
    table.put_secret("key", key);
    if let Some(businesses) = businesses {
        table.put("businesses", businesses.clone());
    }
    table.put(
        "may",
        match may {
            May::Viewer => "viewer",
            May::Agent => "agent",
            May::Manager => "manager",
            May::Admin => "admin",
        },
    );
    table
}

fn meta_app(meta_app: &MetaApp) -> Table {
    let MetaApp {
        id,
        app_secret,
        verify_token,
        businesses,
    } = meta_app;
    let mut table = Table::new();
    table.put("id", id.as_str());
    table.put_secret("app_secret", app_secret);
    table.put_secret("verify_token", verify_token);
    table.put("businesses", businesses.clone());
    table
}

fn business(business: &Business) -> Table {
    let Business {
        id,
        name,
        former_names,
        portfolio_id,
        portfolio_limit,
        app_secret,
        verify_token,
        access_token,
        mode,
        language,
        confirm_stops,
        ambiguous_stop_words,
        stop_closes,
        topics,
        window_templates_are_replies,
        biz_opaque_callback_data,
        yes_lasts_days,
        closed_countries,
        quiet_hours,
        frequency_cap,
        pair_limit,
        quality_guard,
        rule,
        opt_in,
        texts,
        page,
        avenues,
        template,
        number,
        app,
        subscription,
    } = business;
    let mut table = Table::new();
    table.put("id", id.as_str());
    table.put("name", name.as_str());
    table.put("former_names", former_names.clone());
    table.put("portfolio_id", portfolio_id.as_str());
    if let Some(limit) = portfolio_limit {
        table.put("portfolio_limit", i64::from(*limit));
    }
    table.put_secret("app_secret", app_secret);
    table.put_secret("verify_token", verify_token);
    table.put_secret("access_token", access_token);
    table.put(
        "mode",
        match mode {
            Mode::Enforce => "enforce",
            Mode::Observe => "observe",
        },
    );
    table.put("language", language.as_str());
    table.put("confirm_stops", *confirm_stops);
    table.put("ambiguous_stop_words", ambiguous_stop_words.clone());
    table.put(
        "stop_closes",
        match stop_closes {
            StopCloses::MarketingUtility => "marketing_utility",
            StopCloses::All => "all",
        },
    );
    table.put("topics", topics.clone());
    table.put(
        "window_templates_are_replies",
        *window_templates_are_replies,
    );
    table.put("biz_opaque_callback_data", *biz_opaque_callback_data);
    let lasts = yes_lasts_days.iter();
    let lasts = lasts.map(|(scope, days)| (scope.clone(), Value::Integer(i64::from(*days))));
    table.put("yes_lasts_days", lasts.collect::<Table>());
    let closed = closed_countries.iter();
    let closed = closed.map(|(country, kinds)| (country.clone(), Value::from(kinds.clone())));
    table.put("closed_countries", closed.collect::<Table>());
    table.put("quiet_hours", self::quiet_hours(quiet_hours));
    table.put("frequency_cap", many(frequency_cap, self::frequency_cap));
    table.put("pair_limit", *pair_limit);
    table.put("quality_guard", self::quality_guard(quality_guard));
    table.put("rule", many(rule, self::rule));
    table.put("opt_in", self::opt_in(opt_in));
    table.put("texts", worded(texts));
    table.put("page", self::page(page));
    table.put("avenues", self::avenues(avenues));
    table.put("template", many(template, self::template));
    table.put("number", many(number, self::number));
    table.put("app", many(app, self::app));
    table.put("subscription", many(subscription, self::subscription));
    table
}

/// Texts by what they are of, then by language.
fn worded(texts: &BTreeMap<String, BTreeMap<String, String>>) -> Table {
    texts
        .iter()
        .map(|(of, by_language)| {
            let by_language = by_language
                .iter()
                .map(|(language, text)| (language.clone(), Value::from(text.as_str())));
            (of.clone(), Value::Table(by_language.collect()))
        })
        .collect()
}

fn frequency_cap(cap: &FrequencyCap) -> Table {
    let FrequencyCap {
        scope,
        max,
        per_hours,
    } = cap;
    let mut table = Table::new();
    table.put("scope", scope.as_str());
    table.put("max", i64::from(*max));
    table.put("per_hours", i64::from(*per_hours));
    table
}

fn rule(rule: &OwnRule) -> Table {
    let OwnRule {
        name,
        text,
        scopes,
        templates,
        countries,
        numbers,
        apps,
        weak_consent,
        from,
        until,
    } = rule;
    let mut table = Table::new();
    table.put("name", name.as_str());
    table.put("text", text.as_str());
    table.put("scopes", scopes.clone());
    table.put("templates", templates.clone());
    table.put("countries", countries.clone());
    table.put("numbers", numbers.clone());
    table.put("apps", apps.clone());
    table.put("weak_consent", *weak_consent);
    for (name, day) in [("from", from), ("until", until)] {
        if !day.is_empty() {
            table.put(name, day.as_str());
        }
    }
    table
}

fn quality_guard(guard: &QualityGuard) -> Table {
    let QualityGuard {
        stop_marketing_at,
        max_age_hours,
    } = guard;
    let mut table = Table::new();
    let stop_at = stop_marketing_at.map(|stop_at| match stop_at {
        StopAt::Low => "low",
        StopAt::Medium => "medium",
    });
    if let Some(stop_at) = stop_at {
        table.put("stop_marketing_at", stop_at);
    }
    table.put("max_age_hours", i64::from(*max_age_hours));
    table
}

fn quiet_hours(hours: &QuietHours) -> Table {
    let QuietHours {
        start,
        end,
        days,
        categories,
        zone,
        laws,
    } = hours;
    let mut table = Table::new();
    table.put("start", start.as_str());
    table.put("end", end.as_str());
    table.put("days", days.clone());
    table.put("categories", categories.clone());
    table.put("zone", zone.as_str());
    if let Some(laws) = laws {
        table.put("laws", laws.clone());
    }
    table
}

fn opt_in(opt_in: &OptIn) -> Table {
    let OptIn {
        keep_ip,
        embed,
        form,
    } = opt_in;
    let mut table = Table::new();
    table.put("keep_ip", *keep_ip);
    table.put("embed", embed.clone());
    table.put("form", many(form, opt_in_form));
    table
}

fn opt_in_form(form: &OptInForm) -> Table {
    let OptInForm {
        id,
        scopes,
        wording,
        text,
        number,
        retired,
    } = form;
    let by_language = |texts: &BTreeMap<String, String>| -> Table {
        let texts = texts.iter();
        texts
            .map(|(language, text)| (language.clone(), Value::from(text.as_str())))
            .collect()
    };
    let mut table = Table::new();
    table.put("id", id.as_str());
    table.put("scopes", scopes.clone());
    table.put("wording", by_language(wording));
    table.put("text", by_language(text));
    table.put("number", number.as_str());
    table.put("retired", *retired);
    table
}

fn avenues(avenues: &Avenues) -> Table {
    let Avenues {
        preference_page_published_at,
        staff,
        api,
    } = avenues;
    let mut table = Table::new();
    table.put(
        "preference_page_published_at",
        preference_page_published_at.as_str(),
    );
    table.put("staff", staff.as_str());
    if let Some(api) = api {
        table.put("api", *api);
    }
    table
}

fn page(page: &Page) -> Table {
    let Page {
        logo,
        accent,
        privacy_url,
        topics,
    } = page;
    let mut table = Table::new();
    table.put("logo", logo.as_str());
    table.put("accent", accent.as_str());
    table.put("privacy_url", privacy_url.as_str());
    table.put("topics", worded(topics));
    table
}

fn template(template: &Template) -> Table {
    let Template { name, topic, ask } = template;
    let mut table = Table::new();
    table.put("name", name.as_str());
    if let Some(topic) = topic {
        table.put("topic", topic.as_str());
    }
    table.put("ask", *ask);
    table
}

fn number(number: &Number) -> Table {
    let Number {
        phone_number_id,
        waba_id,
        display_number,
    } = number;
    let mut table = Table::new();
    table.put("phone_number_id", phone_number_id.as_str());
    table.put("waba_id", waba_id.as_str());
    table.put("display_number", display_number.as_str());
    table
}

fn subscription(subscription: &Subscription) -> Table {
    let Subscription {
        name,
        url,
        secret,
        secret_previous,
        types,
        imports,
    } = subscription;
    let mut table = Table::new();
    table.put("name", name.as_str());
    table.put("url", url.as_str());
    table.put_secret("secret", secret);
    table.put_secret("secret_previous", secret_previous);
    table.put("types", types.clone());
    table.put("imports", *imports);
    table
}

fn app(app: &App) -> Table {
    let App {
        name,
        key,
        token_sha256,
        relay_url,
        relay_secret,
        relay_fields,
        hold,
        trusted,
    } = app;
    let mut table = Table::new();
    table.put("name", name.as_str());
    table.put_secret("key", key);
    table.put("token_sha256", token_sha256.as_str());
    table.put("relay_url", relay_url.as_str());
    table.put_secret("relay_secret", relay_secret);
    table.put("relay_fields", relay_fields.clone());
    table.put("hold", hold.clone());
    table.put("trusted", *trusted);
    table
}
