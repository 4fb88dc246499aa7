//! The faults that wait for calls.

use mandate_schema::{AuthorizerId, ComponentId};
use serde::Serialize;

use super::{FaultEffect, FaultKind};
use crate::{
    api::{Api, Request},
    state::{Mint, Scope},
};

/// A fault that waits for calls.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    pub(super) effect: FaultEffect,
    /// `None`: any.
    pub(super) api: Option<Api>,
    pub(super) scope: Scope,
    /// How many calls it still happens to.
    pub(super) left: u32,
    pub(super) probability: Option<f64>,
}

/// A fault that waits, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FaultRecord {
    /// The API, or `*`.
    pub api: &'static str,
    /// What goes wrong.
    pub kind: FaultKind,
    /// How many calls it still happens to.
    pub left: u32,
    /// Only calls of this platform.
    pub component: Option<ComponentId>,
    /// Only calls about this account.
    pub authorizer: Option<AuthorizerId>,
}

/// The faults that wait, in the order they were added.
#[derive(Default)]
pub(crate) struct Faults(Vec<Fault>);

/// Faults that may wait at once.
const FAULTS_MAX: usize = 1000;

impl Faults {
    /// Takes the first fault that is meant for this call.
    pub(crate) fn take(&mut self, request: &Request, mint: &mut Mint) -> Option<FaultEffect> {
        let api = Api::parse(request.api_name());
        let subject = request.subject();
        let meant = |fault: &Fault| {
            let scope = &fault.scope;
            (fault.api.is_none() || fault.api == api)
                && scope
                    .component
                    .as_ref()
                    .is_none_or(|only| subject.component.as_deref() == Some(only.as_str()))
                && scope
                    .authorizer
                    .as_ref()
                    .is_none_or(|only| subject.authorizer.as_deref() == Some(only.as_str()))
        };
        let mut happens =
            |fault: &Fault| fault.probability.is_none_or(|probability| mint.chance(probability));
        let place = self.0.iter().position(|fault| meant(fault) && happens(fault))?;
        let fault = &mut self.0[place];
        let effect = fault.effect.clone();
        fault.left -= 1;
        if fault.left == 0 {
            self.0.remove(place);
        }
        Some(effect)
    }

    /// Whether no more may wait.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= FAULTS_MAX
    }

    /// Adds one behind those that are there.
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// All that wait.
    pub(crate) fn list(&self) -> Vec<FaultRecord> {
        let record = |fault: &Fault| FaultRecord {
            api: fault.api.map_or("*", Api::name),
            kind: fault.kind,
            left: fault.left,
            component: fault.scope.component.clone(),
            authorizer: fault.scope.authorizer.clone(),
        };
        self.0.iter().map(record).collect()
    }

    /// Takes all back.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// A platform's quota is full again.
    pub(crate) fn clear_quota(&mut self, component: &ComponentId) {
        self.0.retain(|fault| fault.kind != FaultKind::Quota || !fault.scope.has_component(component));
    }
}
