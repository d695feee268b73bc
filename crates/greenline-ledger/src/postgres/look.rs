//! What decisions about a list rest on: read in pieces, on connections that read, so that no send waits for it.
//!
//! It is loaded as a batch of the writer is and judged by the same function. The portfolio is read once: it stands as it
//! was when the list was begun, whoever is reached meanwhile.

use greenline_policy::identity::Identifier;

use super::Store;
use super::connect::{Link, retrying, within};
use super::flights::Flights;
use super::load::{self, Around, NamesSeen};
use super::reach::Reach;
use super::read::nobody;
use super::trouble::Trouble;
use super::wants::Wants;
use crate::crowd::Crowd;
use crate::error::LedgerError;
use crate::request::Request;
use crate::state::State;
use crate::types::Ask;

type Result<T, E = LedgerError> = std::result::Result<T, E>;

impl Store {
    /// People are in the database: what is asked of many is asked in pieces.
    pub(crate) fn look(&self) -> Result<Option<State>> {
        Ok(None)
    }

    /// As [`Self::look`].
    pub(crate) fn gather(&self, _: &Ask) -> Result<Option<(State, Crowd)>> {
        Ok(None)
    }

    /// As [`Self::look`].
    pub(crate) fn look_at(&self, _: &Ask, _: &[Identifier]) -> Result<Option<State>> {
        Ok(None)
    }

    /// The portfolio of an ask's business, and nobody.
    pub(crate) async fn nobody(&self, ask: &Ask) -> Result<Option<State>> {
        self.business(ask.business)?;
        let mut wants = Wants::default();
        wants.portfolios.insert(ask.business);
        let mut turn = self.pool.turn();
        loop {
            let done = match turn.link().await {
                Ok(link) => self.portfolios(link, &wants).await,
                Err(trouble) => Err(trouble),
            };
            if let Some(done) = turn.over(done) {
                return done.map(Some);
            }
        }
    }

    /// A long log takes longer than one piece of work at the database may: each page of it is one.
    async fn portfolios(&self, link: &mut Link, wants: &Wants) -> Result<State, Trouble> {
        within(link.ready(load::STATEMENTS)).await?;
        let mut reach = Reach::of(&self.portfolios);
        let around = Around {
            businesses: &self.businesses,
            names: &NamesSeen::default(),
            erasure: &self.erasure,
            flights: &Flights::default(),
            reach: Some(&reach),
            token: 0,
            remote: &nobody,
        };
        let snapshot = within(load::load(link, wants, &around)).await?;
        if !reach.hear(&snapshot.heard)? {
            reach.catch_up(link, wants, (0, false)).await?;
        }
        let mut state = snapshot.state;
        reach.lend(&mut state);
        Ok(state)
    }

    /// These people, and the number and the template of an ask.
    pub(crate) async fn piece(&self, ask: &Ask, people: &[Identifier]) -> Result<Option<State>> {
        self.business(ask.business)?;
        let ask = Ask {
            to: people.iter().cloned().collect(),
            ..ask.clone()
        };
        let mut wants = Wants::of(&[&Request::Preview(Box::new(ask))]);
        wants.portfolios.clear();
        retrying!(self.pool, link => {
            let snapshot = self.snapshot(link, &wants, &[]).await?;
            Ok(Some(snapshot.state))
        })
    }
}
