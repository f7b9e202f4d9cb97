//! A codec that sends messages that are encoded already.

use bytes::{BufMut, Bytes};
use tidegate_proto::v1::PushResponse;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic_prost::ProstCodec;

#[derive(Clone, Copy, Debug, Default)]
pub struct RawCodec;

pub struct RawEncoder;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = PushResponse;
    type Encoder = RawEncoder;
    type Decoder = ResponseDecoder;

    fn encoder(&mut self) -> RawEncoder {
        RawEncoder
    }

    fn decoder(&mut self) -> ResponseDecoder {
        ResponseDecoder(ProstCodec::<PushResponse, PushResponse>::default().decoder())
    }
}

impl Encoder for RawEncoder {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(message);
        Ok(())
    }
}

pub struct ResponseDecoder(<ProstCodec<PushResponse, PushResponse> as Codec>::Decoder);

impl Decoder for ResponseDecoder {
    type Item = PushResponse;
    type Error = Status;

    fn decode(&mut self, input: &mut DecodeBuf<'_>) -> Result<Option<PushResponse>, Status> {
        self.0.decode(input)
    }
}
