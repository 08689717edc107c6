//! What young names do, by port.
//!
//! Used by the services. Guarantees: at most [`YOUNG_PORTS`] ports are told apart, all roles
//! together; what goes to further ones has no port. A port to which young names have done nothing
//! for [`IDLE_TTL`] gives its place back, and `~other` takes what it counted, so that the sum never
//! goes down. No row keeps the number of such a service.

use catalogue::labels::Role;
use catalogue::limits::YOUNG_PORTS;

use super::{Services, number};
use crate::conn::account::groups::Groups;
use crate::conn::ids::ServiceId;
use crate::conn::limits::IDLE_TTL;
use crate::conn::nanos::Nanos;

/// The service of young names at one port.
struct Port {
    service: ServiceId,
    /// What it had counted when it was last seen to count something.
    counted: u64,
    /// When that was; [`Nanos::ZERO`] if nobody has looked.
    at: Nanos,
}

/// The ports that are told apart.
#[derive(Default)]
pub(super) struct YoungPorts(Vec<Port>);

impl YoungPorts {
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }
}

impl Services {
    /// Returns the service of young names in a role at a port.
    pub(super) fn of_young(&mut self, role: Role, port: u16) -> ServiceId {
        let key = (Groups::young(role), port);
        if let Some(at) = self.index.get(&key) {
            return *at;
        }
        if self.young.len() >= YOUNG_PORTS {
            return number(Role::COUNT + role.index());
        }
        let service = self.make(key, role);
        self.young.0.push(Port { service, counted: 0, at: Nanos::ZERO });
        service
    }

    /// Gives back the ports to which young names have done nothing for long.
    pub(in crate::conn) fn expire_young_ports(&mut self, now: Nanos) {
        for mut port in std::mem::take(&mut self.young.0) {
            let entry = &self.list[port.service.position()];
            let service = &entry.service;
            // What is open there counts as something that happens.
            let events = service.events();
            if events != port.counted || service.established > 0 || port.at == Nanos::ZERO {
                (port.counted, port.at) = (events, now);
            }
            if now.saturating_sub(port.at) < IDLE_TTL {
                self.young.0.push(port);
                continue;
            }
            if let Some(of) = service.port {
                self.index.remove(&(entry.group, of));
            }
            self.end(port.service, service.role.index());
        }
    }
}
