//! Where a preview takes its objects from: the cluster, or files before there is one.

use std::path::PathBuf;

use sallyport_policy_sync::{member::Member, world::World};

use super::{cluster, files};

/// Which firewall, and what is asked of it.
#[derive(clap::Args)]
pub(crate) struct Source {
    /// The `Firewall` object. The cluster is found by KUBECONFIG; it takes the right to list the objects of
    /// sallyport.dev and namespaces, and to read the firewall's Secret in namespace sallyport-firewall; with --user and
    /// --password-file the Secret is not read.
    #[arg(required_unless_present = "firewall", conflicts_with = "firewall")]
    object: Option<String>,
    /// Without a cluster: a file with the `Firewall` object.
    #[arg(long, value_name = "FILE", requires_all = ["user", "password_file"])]
    firewall: Option<PathBuf>,
    /// Without a cluster: a file with an `IdentityPolicy`; may be given more than once.
    #[arg(long, value_name = "FILE", requires = "firewall")]
    policy: Vec<PathBuf>,
    /// Without a cluster: a name to try, as `web.shop.corp.example=allow` or `shop/web.shop.corp.example=deny`, where shop
    /// is the namespace; without it, the first namespace whose policy gives the name. May be given more than once.
    #[arg(long = "name", value_name = "[NAMESPACE/]NAME[=ACTION]", requires = "policy")]
    names: Vec<files::Trial>,
    /// The administrator, in place of the Secret. Nothing is written by it.
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    /// A file with the administrator's password.
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
}

impl Source {
    /// Everything that decides what the firewall is to hold, and the firewalls behind the object.
    pub(crate) async fn read(self) -> Result<(World, Vec<Member>), String> {
        let (name, world) = match self {
            Self { object: Some(name), user, password_file, .. } => {
                let given = user.is_some().then(|| files::login(user, password_file)).transpose()?;
                let world = cluster::world_as(&name, given).await?;
                (name, world)
            }
            Self { firewall: Some(firewall), policy, names, user, password_file, .. } => {
                let login = files::login(user, password_file)?;
                files::world(&firewall, &policy, &names, login)?
            }
            Self { object: None, firewall: None, .. } => {
                return Err("name a Firewall object, or give --firewall FILE".to_owned());
            }
        };
        let members = world.firewalls.get(&name).map(|firewall| Member::of(&name, &firewall.spec));
        Ok((world, members.unwrap_or_default()))
    }
}
