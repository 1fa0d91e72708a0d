//! Private keys on elliptic curves.
//!
//! The curves' own `SigningKey` would sign with the hash of its curve, and has features that change how
//! other crates are built. What it does beneath, [`sign_prehashed`], is used here with a random number.

use ecdsa::elliptic_curve::generic_array::ArrayLength;
use ecdsa::elliptic_curve::{
    CurveArithmetic, FieldBytes, FieldBytesSize, NonZeroScalar, PrimeCurve, SecretKey,
};
use ecdsa::hazmat::{bits2field, sign_prehashed};
use ecdsa::{Signature, SignatureSize, der};
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::{Zeroize as _, Zeroizing};

/// A private key on a curve.
pub(crate) struct EcKey<C: CurveArithmetic>(SecretKey<C>);

/// How often a number is drawn: nearly all are good on these curves.
const DRAWS: usize = 64;

impl<C> EcKey<C>
where
    C: PrimeCurve + CurveArithmetic,
    SignatureSize<C>: ArrayLength<u8>,
    der::MaxSize<C>: ArrayLength<u8>,
    <FieldBytesSize<C> as std::ops::Add>::Output: std::ops::Add<der::MaxOverhead> + ArrayLength<u8>,
{
    /// Takes the bytes of a number, of which some programs leave out zeros; none where it is no key.
    pub(crate) fn of(number: &[u8]) -> Option<Self> {
        let mut whole = Zeroizing::new(FieldBytes::<C>::default());
        let from = whole.len().checked_sub(number.len())?;
        whole.get_mut(from..)?.copy_from_slice(number);
        SecretKey::from_bytes(&whole).ok().map(Self)
    }

    /// The signature of a digest, as DER.
    pub(crate) fn sign(&self, digest: &[u8]) -> Option<Vec<u8>> {
        let digest = bits2field::<C>(digest).ok()?;
        let secret = self.0.to_nonzero_scalar();
        let signed = sign_prehashed::<C, C::Scalar>(&secret, *drawn::<C>()?, &digest).ok()?;
        let signature: Signature<C> = signed.0;
        Some(signature.to_der().as_bytes().to_vec())
    }
}

/// A number that nobody can guess and that is never drawn again: who knows it knows the key.
fn drawn<C: PrimeCurve + CurveArithmetic>() -> Option<Zeroizing<C::Scalar>> {
    let random = SystemRandom::new();
    let mut bytes = FieldBytes::<C>::default();
    for _ in 0..DRAWS {
        random.fill(&mut bytes).ok()?;
        let number = NonZeroScalar::<C>::from_repr(bytes.clone());
        if bool::from(number.is_some()) {
            bytes.zeroize();
            return Option::from(number).map(|number: NonZeroScalar<C>| Zeroizing::new(*number));
        }
    }
    None
}
