//! AES-256 in CBC mode over whole blocks, on the bare block cipher.

use aes::{
    Aes256, Block,
    cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit},
};

use super::AesKey;

const BLOCK: usize = 16;

/// Encrypts in place. A last part shorter than a block is left alone: callers pad first.
pub(crate) fn encrypt(key: &AesKey, data: &mut [u8]) {
    let cipher = Aes256::new(key.bytes().into());
    let mut previous = key.iv();
    for chunk in data.as_chunks_mut::<BLOCK>().0 {
        for (byte, mask) in chunk.iter_mut().zip(previous) {
            *byte ^= mask;
        }
        let mut block = Block::from(*chunk);
        cipher.encrypt_block(&mut block);
        *chunk = block.into();
        previous = *chunk;
    }
}

/// Decrypts in place. A last part shorter than a block is left alone: callers check the length first.
pub(super) fn decrypt(key: &AesKey, data: &mut [u8]) {
    let cipher = Aes256::new(key.bytes().into());
    let mut previous = key.iv();
    for chunk in data.as_chunks_mut::<BLOCK>().0 {
        let encrypted = *chunk;
        let mut block = Block::from(encrypted);
        cipher.decrypt_block(&mut block);
        *chunk = block.into();
        for (byte, mask) in chunk.iter_mut().zip(previous) {
            *byte ^= mask;
        }
        previous = encrypted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_blocks_encrypt_differently_and_come_back() {
        let key = AesKey::from_bytes(std::array::from_fn(|i| u8::try_from(i).expect("small")));
        let mut data = [7_u8; 64];
        encrypt(&key, &mut data);
        assert_ne!(data[..16], data[16..32], "blocks are not chained");
        decrypt(&key, &mut data);
        assert_eq!(data, [7; 64]);
    }
}
