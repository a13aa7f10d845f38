//! What a signed-in caller is allowed to do. Handlers ask this value; they never look at a role themselves.

use crate::id::{DeviceId, SessionId, UserId};
use crate::journal::Role;
use crate::wire::{Code, Reject};

/// A caller whose token, session and account were checked. The role is that of the account row, never that of
/// the token: a role that was taken away is gone at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthzContext {
    /// Who.
    pub user: UserId,
    /// Through which login.
    pub session: SessionId,
    /// From which device.
    pub device: DeviceId,
    /// May do what.
    pub role: Role,
}

impl AuthzContext {
    /// Whether the caller runs the box.
    #[must_use]
    pub const fn is_admin(&self) -> bool {
        matches!(self.role, Role::Admin)
    }

    /// Admins only.
    ///
    /// # Errors
    /// `forbidden`
    pub fn require_admin(&self) -> Result<(), Reject> {
        if self.is_admin() { Ok(()) } else { Err(Code::Forbidden.into()) }
    }

    /// The person concerned, or an admin.
    ///
    /// # Errors
    /// `forbidden`
    pub fn require_self_or_admin(&self, user: UserId) -> Result<(), Reject> {
        if self.user == user { Ok(()) } else { self.require_admin() }
    }

    /// Whose view of a call to ask for: an admin sees every call (`None`), others their own.
    #[must_use]
    pub const fn viewer(&self) -> Option<UserId> {
        if self.is_admin() { None } else { Some(self.user) }
    }

    /// Whether a call between these two may be seen. Others get `not_found`, as if there were no such call.
    #[must_use]
    pub fn may_see_call(&self, caller: UserId, callee: UserId) -> bool {
        self.is_admin() || self.user == caller || self.user == callee
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(role: Role) -> AuthzContext {
        AuthzContext {
            user: UserId::from_random([1; 16]),
            session: SessionId::from_random([2; 16]),
            device: DeviceId::from_random([3; 16]),
            role,
        }
    }

    #[test]
    fn only_admins_run_the_box() {
        assert!(context(Role::Admin).require_admin().is_ok());
        for role in [Role::User, Role::Guest, Role::Device] {
            assert_eq!(context(role).require_admin(), Err(Code::Forbidden.into()));
        }
    }

    #[test]
    fn people_reach_their_own_things_and_no_others() {
        let me = context(Role::User);
        let other = UserId::from_random([9; 16]);
        assert!(me.require_self_or_admin(me.user).is_ok());
        assert!(me.require_self_or_admin(other).is_err());
        assert!(context(Role::Admin).require_self_or_admin(other).is_ok());
        assert!(me.may_see_call(other, me.user) && me.may_see_call(me.user, other));
        assert!(!me.may_see_call(other, other));
        assert!(context(Role::Admin).may_see_call(other, other));
        assert_eq!(me.viewer(), Some(me.user));
        assert_eq!(context(Role::Admin).viewer(), None);
    }
}
