//! Accounts: keystores as cast has them, a key in the environment for devnets, and Ledgers.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use alloy::{
    network::EthereumWallet,
    primitives::{Address, ChainId},
    signers::{Signer, local::PrivateKeySigner},
};
use eyre::{OptionExt, Result, WrapErr};
use scrip_devnet::{ACTORS, Actor};

use crate::{
    config::DEV_CHAIN,
    context::Context,
    failure::{Exit, problem},
};

/// A private key in the environment: for devnets. Any process of the user can read it.
pub(crate) const KEY: &str = "SCRIP_PRIVATE_KEY";

const PASSWORD_HINT: &str =
    "put the password into a file, and name that with --password-file or ETH_PASSWORD";

/// Who signs.
#[derive(Debug)]
pub(crate) enum Account {
    /// A key in memory.
    Local(PrivateKeySigner),
    /// A key that stays where it is.
    #[cfg(feature = "ledger")]
    Ledger(Arc<alloy::signers::ledger::LedgerSigner>),
}

impl Account {
    /// The account that was named, by an option, the environment or the configuration.
    pub(crate) async fn named(context: &Context, chain_id: Option<ChainId>) -> Result<Self> {
        let global = &context.global;
        #[cfg(feature = "ledger")]
        if global.ledger {
            return ledger(chain_id).await;
        }
        if let Some(file) = &global.keystore {
            return open(context, file);
        }
        if let Some(name) = &global.account {
            return by_name(context, name, chain_id);
        }
        if let Some(key) = env::var(KEY).ok().filter(|key| !key.is_empty()) {
            // The parser's own error may tell of the key.
            let signer = key.trim().parse();
            let signer = signer.map_err(|_| problem(Exit::Usage, format!("{KEY} holds no private key")))?;
            return Ok(Self::Local(signer));
        }
        if let Some(name) = &context.config.account {
            return by_name(context, name, chain_id);
        }
        Err(problem(Exit::Usage, "no account is named")
            .hint(format!(
                "name one with --account or --keystore, or in the configuration; `scrip wallet new` makes one{}",
                if chain_id == Some(DEV_CHAIN) { ", and a devnet has builder, subscriber, agent …" } else { "" },
            ))
            .into())
    }

    pub(crate) fn address(&self) -> Address {
        match self {
            Self::Local(signer) => signer.address(),
            #[cfg(feature = "ledger")]
            Self::Ledger(signer) => Signer::address(&**signer),
        }
    }

    pub(crate) fn wallet(&self) -> EthereumWallet {
        match self {
            Self::Local(signer) => signer.clone().into(),
            #[cfg(feature = "ledger")]
            Self::Ledger(signer) => signer.clone().into(),
        }
    }

    /// What signs what is no transaction.
    pub(crate) fn signer(&self) -> Arc<dyn Signer + Send + Sync> {
        match self {
            Self::Local(signer) => Arc::new(signer.clone()),
            #[cfg(feature = "ledger")]
            Self::Ledger(signer) => signer.clone(),
        }
    }
}

#[cfg(feature = "ledger")]
async fn ledger(chain_id: Option<ChainId>) -> Result<Account> {
    use alloy::signers::ledger::{HDPath, LedgerSigner};

    let signer = LedgerSigner::new(HDPath::LedgerLive(0), chain_id).await.map_err(|error| {
        problem(Exit::Failed, format!("the Ledger cannot be used: {error}"))
            .hint("connect and unlock it, and open its Ethereum app")
    })?;
    Ok(Account::Ledger(Arc::new(signer)))
}

/// Where keystores are, cast's own folder.
pub(crate) fn folder() -> Result<PathBuf> {
    let home = etcetera::home_dir().wrap_err("there is no home folder; name the keystore with --keystore")?;
    Ok(home.join(".foundry/keystores"))
}

/// The names of the keystores.
pub(crate) fn names() -> Result<Vec<String>> {
    let Ok(entries) = fs::read_dir(folder()?) else { return Ok(Vec::new()) };
    let files = entries.filter_map(Result::ok).filter(|entry| entry.path().is_file());
    let mut names: Vec<_> = files.filter_map(|file| file.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

fn by_name(context: &Context, name: &str, chain_id: Option<ChainId>) -> Result<Account> {
    let file = folder()?.join(name);
    if file.is_file() {
        return open(context, &file);
    }
    if let Some(actor) = actor(name, chain_id)? {
        return Ok(Account::Local(actor.signer));
    }
    let is_actor = ACTORS.contains(&name);
    let place = if is_actor { "; that of a devnet is on chain 31337 only" } else { "" };
    Err(problem(Exit::Usage, format!("there is no account `{name}` in {}{place}", folder()?.display()))
        .hint("`scrip wallet list` lists the accounts, `scrip wallet new` makes one")
        .into())
}

/// An account of a devnet, known to all, by its name.
pub(crate) fn actor(name: &str, chain_id: Option<ChainId>) -> Result<Option<Actor>> {
    if chain_id != Some(DEV_CHAIN) || !ACTORS.contains(&name) {
        return Ok(None);
    }
    Ok(Some(Actor::named(name)?))
}

fn open(context: &Context, file: &Path) -> Result<Account> {
    if !file.is_file() {
        return Err(problem(Exit::Usage, format!("there is no keystore {}", file.display()))
            .hint("`scrip wallet list` lists the accounts")
            .into());
    }
    let prompt = format!("password of {}", file.display());
    let password = password(context, &prompt, false)?;
    let signer = PrivateKeySigner::decrypt_keystore(file, password).map_err(|error| {
        problem(Exit::Failed, format!("{} cannot be opened: {error}", file.display()))
            .hint("check the password")
    })?;
    Ok(Account::Local(signer))
}

/// A password, from the file that was named or from the terminal.
pub(crate) fn password(context: &Context, prompt: &str, twice: bool) -> Result<String> {
    let Some(file) = &context.global.password_file else {
        return context.print.secret(prompt, twice, PASSWORD_HINT);
    };
    let text = fs::read_to_string(file)
        .wrap_err_with(|| format!("the password file {} cannot be read", file.display()))?;
    let password = text.lines().next().ok_or_eyre("the password file is empty")?;
    Ok(password.to_owned())
}

/// Keeps a key in a keystore of this name.
pub(crate) fn keep(context: &Context, name: &str, signer: &PrivateKeySigner) -> Result<PathBuf> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(is_name) {
        return Err(problem(Exit::Usage, format!("`{name}` is no name of an account"))
            .hint("use letters, digits, -, _ and .")
            .into());
    }
    let (folder, file) = (folder()?, folder()?.join(name));
    if file.exists() {
        return Err(problem(
            Exit::Usage,
            format!("there is an account `{name}` already: {}", file.display()),
        )
        .hint("use another name")
        .into());
    }
    let password = password(context, &format!("password for {}", file.display()), true)?;
    fs::create_dir_all(&folder).wrap_err_with(|| format!("{} cannot be made", folder.display()))?;
    let bytes = signer.to_bytes();
    PrivateKeySigner::encrypt_keystore(&folder, &mut rand::rngs::OsRng, bytes, password, Some(name))
        .wrap_err_with(|| format!("{} cannot be written", file.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}
