//! How an advert proves where it comes from, beyond a password in clear text.

pub mod ah;
pub mod hmac;

#[cfg(test)]
mod tests;
