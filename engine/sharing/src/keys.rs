//! Keys that sign policies: made here, kept in the vault, and never shown.

use dayfly_dialog::{CliError, Code};
use dayfly_vault::{SecretString, Vault, VaultError};
use minisign::{KeyPair, PublicKey, SecretKeyBox};

/// What the vault calls them: this and the name of the key.
pub const SIGNING_KEY: &str = "signing-key/";

fn failed(error: &VaultError) -> CliError {
    CliError::failed(error.to_string())
}

fn vault_name(name: &str) -> Result<String, CliError> {
    let good = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !good {
        let message = format!("\"{name}\" is not a valid key name");
        return Err(CliError::usage(message).hint("use letters, digits, \"-\", \"_\" and \".\""));
    }
    Ok(format!("{SIGNING_KEY}{name}"))
}

/// Makes a key, where there is none of this name; its public key, and whether it is new.
pub fn generate(vault: &Vault, name: &str) -> Result<(String, bool), CliError> {
    let place = vault_name(name)?;
    if vault.get(&place).map_err(|e| failed(&e))?.is_some() {
        return Ok((public(vault, name)?, false));
    }
    let broken = |e: minisign::PError| CliError::failed(format!("Dayfly cannot create a key: {e}"));
    let pair = KeyPair::generate_unencrypted_keypair().map_err(broken)?;
    let secret = pair.sk.to_box(None).map_err(broken)?;
    let secret = SecretString::from(secret.into_string());
    vault.set(&place, &secret).map_err(|e| failed(&e))?;
    Ok((pair.pk.to_base64(), true))
}

/// The public key of one that is kept.
pub fn public(vault: &Vault, name: &str) -> Result<String, CliError> {
    let (public, _) = open(vault, name)?;
    Ok(public.to_base64())
}

/// Signs content with a key that is kept; the text of the signature, as minisign writes it.
pub fn sign(vault: &Vault, name: &str, content: &[u8], comment: &str) -> Result<String, CliError> {
    let (public, secret) = open(vault, name)?;
    let untrusted = format!("signature by the key {name} of Dayfly");
    let signature = minisign::sign(
        Some(&public),
        &secret,
        content,
        Some(comment),
        Some(&untrusted),
    )
    .map_err(|e| CliError::failed(format!("Dayfly cannot sign it: {e}")))?;
    Ok(signature.into_string())
}

fn open(vault: &Vault, name: &str) -> Result<(PublicKey, minisign::SecretKey), CliError> {
    let kept = vault.get(&vault_name(name)?).map_err(|e| failed(&e))?;
    let kept = kept.ok_or_else(|| {
        CliError::new(
            Code::NotFound,
            format!("the vault has no signing key \"{name}\""),
        )
        .hint(format!("create it with `dayfly policy keygen {name}`"))
    })?;
    // What the parser says could quote the key, so it is not passed on.
    let broken = |_| {
        CliError::failed(format!(
            "the signing key \"{name}\" in the vault is damaged"
        ))
    };
    let secret = SecretKeyBox::from_string(kept.expose())
        .and_then(SecretKeyBox::into_unencrypted_secret_key)
        .map_err(broken)?;
    let public = PublicKey::from_secret_key(&secret).map_err(broken)?;
    Ok((public, secret))
}
