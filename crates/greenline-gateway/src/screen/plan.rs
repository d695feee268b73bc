//! The signed plan of a screening: made when everything else is there, and checked against the files beside it.
//!
//! It is signed with the key that signs the log's heads, so that whoever knows that key can check both, and without a
//! store. Its form is `greenline-proof`'s.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use greenline_policy::pack::Pack;
use greenline_proof::{PLAN_FORMAT, Plan, PlanFile, PlanReason, SignedPlan, hex};
use sha2::{Digest, Sha256};

use crate::app::Shared;
use crate::sealer;

use super::report::{Report, utc};
use super::results::{FILES, PLAN, put};
use super::{Prepared, Unscreened};

/// How long sends are those of a plan, unless it is said.
const LASTS_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// Bytes of a plan at most.
const PLAN_BYTES_MAX: u64 = 1 << 20;
/// Bytes of a file that are read at once.
const PIECE_BYTES: usize = 1 << 20;

/// The length of a file and its SHA-256.
fn hashed(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut hash, mut bytes) = (File::open(path)?, Sha256::new(), 0);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = file.read(&mut piece)?;
        let Some(piece) = piece.get(..read).filter(|piece| !piece.is_empty()) else {
            return Ok((bytes, hex(&hash.finalize())));
        };
        hash.update(piece);
        bytes += read as u64;
    }
}

fn file_of(path: &Path, name: &str) -> io::Result<PlanFile> {
    let (bytes, sha256) = hashed(path)?;
    Ok(PlanFile {
        name: name.to_owned(),
        bytes,
        sha256,
    })
}

/// The plan of what lies in a folder, signed.
pub(crate) fn written(
    app: &Shared,
    prepared: &Prepared,
    report: &Report,
    folder: &Path,
) -> io::Result<String> {
    let (order, ask) = (&prepared.order, &prepared.ask);
    let planned = order.plan.clone().unwrap_or_default();
    let begins_ms = ask.now_ms.max(prepared.made_ms);
    let until_ms = planned
        .until_ms
        .unwrap_or_else(|| begins_ms.saturating_add(LASTS_MS));
    let list = match planned.sha256 {
        Some(sha256) => PlanFile {
            name: order.name(),
            bytes: order.list.metadata()?.len(),
            sha256,
        },
        None => file_of(&order.list, &order.name())?,
    };
    let files: Vec<PlanFile> = FILES
        .iter()
        .map(|name| file_of(&folder.join(name), name))
        .collect::<io::Result<_>>()?;
    let template = ask.template.as_ref();
    let reasons = report.page().reasons.iter().map(|reason| PlanReason {
        rule: reason.rule.clone(),
        rows: reason.rows,
        first: reason.first,
        held: reason.held,
    });
    let plan = Plan {
        format: PLAN_FORMAT.to_owned(),
        id: prepared.id.clone().unwrap_or_default(),
        business: prepared.business.config.id.clone(),
        number: ask.number.to_string(),
        template: order.template.clone(),
        language: template.map_or_else(String::new, |template| template.language.to_string()),
        at: utc(ask.now_ms),
        made: utc(prepared.made_ms),
        until: utc(until_ms),
        pack: Pack::at(ask.now_ms).version.to_owned(),
        one_view: report.value()["one_view"] == true,
        list,
        files,
        counts: report.counts(),
        erased: 0,
        reasons: reasons.collect(),
    };
    let (signer, _) = sealer::keys(app).map_err(io::Error::other)?;
    plan.signed(&signer).map_err(io::Error::other)
}

/// Signs the plan in a folder anew, of whose files so many rows name nobody any more. Nothing where there is none.
pub(crate) fn renewed(app: &Shared, folder: &Path, rows: u64) -> io::Result<()> {
    let path = in_folder(folder);
    let bytes = match std::fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read?,
    };
    let SignedPlan { mut plan, .. } = SignedPlan::read(&bytes).map_err(io::Error::other)?;
    for file in &mut plan.files {
        if !FILES.contains(&file.name.as_str()) {
            return Err(io::Error::other("a plan that names another file"));
        }
        *file = file_of(&folder.join(&file.name), &file.name)?;
    }
    plan.erased += rows;
    let (signer, _) = sealer::keys(app).map_err(io::Error::other)?;
    let text = plan.signed(&signer).map_err(io::Error::other)?;
    put(&path, text.as_bytes())
}

/// A plan beside its files.
#[derive(Debug)]
pub struct Checked {
    /// What was read.
    pub signed: SignedPlan,
    /// What is wrong, a sentence each.
    pub problems: Vec<String>,
}

/// Reads a plan and holds the files that lie beside it against it, and the list too where one is named. Needs neither
/// store nor key.
///
/// # Errors
/// It is no plan, or cannot be read.
pub fn check(path: &Path, list: Option<&Path>) -> Result<Checked, Unscreened> {
    let unread = |error: io::Error| {
        Unscreened::Input(format!("`{}` cannot be read: {error}", path.display()))
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unread)?;
    let mut file = file.take(PLAN_BYTES_MAX + 1);
    file.read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > PLAN_BYTES_MAX {
        return Err(Unscreened::Input(format!(
            "`{}` is larger than any plan",
            path.display()
        )));
    }
    let signed = SignedPlan::read(&bytes)
        .map_err(|error| Unscreened::Input(format!("`{}`: {error}", path.display())))?;
    let mut problems = Vec::new();
    if !signed.is_signed() {
        problems.push("the plan is not what was signed by the key that it names".to_owned());
    }
    let plan = &signed.plan;
    for name in FILES {
        if !plan.files.iter().any(|file| file.name == name) {
            problems.push(format!("the plan does not say what `{name}` holds"));
        }
    }
    for file in &plan.files {
        if !FILES.contains(&file.name.as_str()) {
            problems.push("the plan names a file that no screening makes".to_owned());
            continue;
        }
        problems.extend(held_against(file, &path.with_file_name(&file.name)));
    }
    if let Some(list) = list {
        problems.extend(held_against(&plan.list, list));
    }
    Ok(Checked { signed, problems })
}

fn held_against(file: &PlanFile, path: &Path) -> Option<String> {
    let length = path.metadata().map(|about| about.len());
    let found = length.and_then(|length| {
        if length != file.bytes {
            return Ok(false);
        }
        hashed(path).map(|(_, sha256)| sha256 == file.sha256)
    });
    match found {
        Ok(true) => None,
        Ok(false) => Some(format!("`{}` is not as it was", path.display())),
        Err(error) => Some(format!("`{}` cannot be read: {error}", path.display())),
    }
}

/// The plan in a folder of results.
#[must_use]
pub fn in_folder(folder: &Path) -> std::path::PathBuf {
    folder.join(PLAN)
}
