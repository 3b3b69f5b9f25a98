//! Encryption for one browser: RFC 8291 over the record of RFC 8188 (`aes128gcm`).

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::rand::{SecureRandom, SystemRandom};

use super::subscription::{POINT_BYTES, SECRET_BYTES, Subscription};

const SALT_BYTES: usize = 16;
/// The size of records that is told; there is only one, which is shorter.
const RECORD_BYTES: u32 = 4_096;
/// Behind the content of the last record.
const LAST: u8 = 2;

/// Why there is no encrypted content.
#[derive(Debug, thiserror::Error)]
pub(super) enum EncryptError {
    #[error("there is no randomness")]
    Random,
    #[error("the browser's key is no point of the curve")]
    Agree,
    #[error("the cipher does not take it")]
    Seal,
}

/// A length for ring's key derivation.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// `content` as the body of a push: under a key that is used once, and a new salt.
pub(super) fn encrypt(to: &Subscription, content: &[u8], random: &SystemRandom) -> Result<Vec<u8>, EncryptError> {
    let own = EphemeralPrivateKey::generate(&ECDH_P256, random).map_err(|_| EncryptError::Random)?;
    let point = own.compute_public_key().map_err(|_| EncryptError::Random)?;
    let point: [u8; POINT_BYTES] = point.as_ref().try_into().map_err(|_| EncryptError::Agree)?;
    let mut salt = [0; SALT_BYTES];
    random.fill(&mut salt).map_err(|_| EncryptError::Random)?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, to.key());
    let seal =
        |shared: &[u8]| seal(&Agreement { shared, own: &point, theirs: to.key(), secret: to.secret() }, salt, content);
    agree_ephemeral(own, &theirs, seal).map_err(|_| EncryptError::Agree)?
}

/// What both sides know.
struct Agreement<'a> {
    shared: &'a [u8],
    own: &'a [u8; POINT_BYTES],
    theirs: &'a [u8; POINT_BYTES],
    secret: &'a [u8; SECRET_BYTES],
}

fn seal(agreed: &Agreement<'_>, salt: [u8; SALT_BYTES], content: &[u8]) -> Result<Vec<u8>, EncryptError> {
    let Agreement { shared, own, theirs, secret } = agreed;
    let mut input = [0; 32];
    derive(*secret, shared, &[b"WebPush: info\0", theirs.as_slice(), own.as_slice()], &mut input)?;
    let (mut key, mut nonce) = ([0; 16], [0; 12]);
    derive(&salt, &input, &[b"Content-Encoding: aes128gcm\0"], &mut key)?;
    derive(&salt, &input, &[b"Content-Encoding: nonce\0"], &mut nonce)?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).map_err(|_| EncryptError::Seal)?);
    let mut record = Vec::with_capacity(content.len() + 1 + AES_128_GCM.tag_len());
    record.extend_from_slice(content);
    record.push(LAST);
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut record).map_err(|_| EncryptError::Seal)?;
    let mut out = Vec::with_capacity(SALT_BYTES + 5 + POINT_BYTES + record.len());
    out.extend_from_slice(&salt);
    out.extend_from_slice(&RECORD_BYTES.to_be_bytes());
    out.push(POINT_BYTES as u8);
    out.extend_from_slice(*own);
    out.extend_from_slice(&record);
    Ok(out)
}

/// HKDF (RFC 5869) with SHA-256.
fn derive(salt: &[u8], input: &[u8], info: &[&[u8]], out: &mut [u8]) -> Result<(), EncryptError> {
    let key = Salt::new(HKDF_SHA256, salt).extract(input);
    let expanded = key.expand(info, Length(out.len())).map_err(|_| EncryptError::Seal)?;
    expanded.fill(out).map_err(|_| EncryptError::Seal)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        URL_SAFE_NO_PAD.decode(text).expect("base64url").try_into().expect("the length")
    }

    /// RFC 8291 §5 and appendix A: ring makes its own private keys, so that the shared secret is given here.
    #[test]
    fn the_example_of_the_standard_comes_out() {
        let agreed = Agreement {
            shared: &bytes::<32>("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs"),
            own: &bytes("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"),
            theirs: &bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
            secret: &bytes("BTBZMqHH6r4Tts7J_aSIgg"),
        };
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw");
        let body = seal(&agreed, salt, b"When I grow up, I want to be a watermelon").expect("encrypts");
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzA\
                        C8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(URL_SAFE_NO_PAD.encode(body), expected.replace(' ', ""));
    }
}
