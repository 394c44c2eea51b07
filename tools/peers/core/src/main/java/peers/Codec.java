package peers;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.specific.SpecificDatumReader;
import org.apache.avro.specific.SpecificDatumWriter;
import org.apache.avro.specific.SpecificRecordBase;

/** Avro single-object encoding of one generated record class; reuses its buffers, so one per thread. */
public final class Codec<T extends SpecificRecordBase> {
    public static final int HEADER = 10;
    private final byte[] header = new byte[HEADER];
    private final SpecificDatumReader<T> reader;
    private final SpecificDatumWriter<T> writer;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream(512);
    private BinaryDecoder decoder;
    private BinaryEncoder encoder;

    public Codec(Class<T> type, Schema schema) {
        reader = new SpecificDatumReader<>(type);
        writer = new SpecificDatumWriter<>(type);
        header[0] = (byte) 0xC3;
        header[1] = 0x01;
        long print = SchemaNormalization.parsingFingerprint64(schema);
        for (int i = 0; i < 8; i++)
            header[2 + i] = (byte) (print >>> (8 * i));
    }

    public boolean matches(byte[] bytes) {
        return bytes.length >= HEADER && Arrays.equals(bytes, 0, HEADER, header, 0, HEADER);
    }

    public T decode(byte[] bytes) {
        if (!matches(bytes))
            throw new IllegalArgumentException("not a single-object message of this schema");
        try {
            decoder = DecoderFactory.get().binaryDecoder(bytes, HEADER, bytes.length - HEADER, decoder);
            return reader.read(null, decoder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public byte[] encode(T record) {
        try {
            out.reset();
            out.write(header, 0, HEADER);
            encoder = EncoderFactory.get().binaryEncoder(out, encoder);
            writer.write(record, encoder);
            encoder.flush();
            return out.toByteArray();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
