package peers;

import isotope.action;
import isotope.engagement;
import isotope.impression;
import isotope.outcome;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The join's state for one impression_id, the same for every Java job: a deadline and the messages so far, undecoded:
 * [deadline 8][length 4][message]...  Each message is decoded once, when the window closes. One instance per thread.
 */
public final class OpenImpression {
    public static final long WINDOW_MS = 600_000; /* unless a job is told otherwise */
    public static final long GRACE_MS = 5_000;
    private static final long BEFORE_MS = 60_000;

    private final Codec<impression> impressions = new Codec<>(impression.class, impression.getClassSchema());
    private final Codec<engagement> engagements = new Codec<>(engagement.class, engagement.getClassSchema());
    private final Codec<outcome> outcomes = new Codec<>(outcome.class, outcome.getClassSchema());

    private final long windowMs;

    public OpenImpression(long windowMs) {
        this.windowMs = windowMs;
    }

    public boolean isImpression(byte[] message) {
        return impressions.matches(message);
    }

    public static long deadline(byte[] state) {
        return ByteBuffer.wrap(state).getLong();
    }

    public static byte[] start(long deadline, byte[] message) {
        return ByteBuffer.allocate(12 + message.length).putLong(deadline).putInt(message.length).put(message).array();
    }

    public static byte[] append(byte[] state, long deadline, byte[] message) {
        return ByteBuffer.allocate(state.length + 4 + message.length)
                .put(state).putInt(message.length).put(message).putLong(0, deadline).array();
    }

    /** The messages of a state. */
    public static List<byte[]> messages(byte[] state) {
        List<byte[]> messages = new ArrayList<>(4);
        ByteBuffer in = ByteBuffer.wrap(state).position(8);
        while (in.hasRemaining()) {
            byte[] message = new byte[in.getInt()];
            in.get(message);
            messages.add(message);
        }
        return messages;
    }

    /** The encoded outcome, or null where no impression came. */
    public byte[] close(Iterable<byte[]> messages) {
        impression shown = null;
        List<engagement> engaged = null;
        for (byte[] message : messages) {
            if (isImpression(message)) {
                shown = impressions.decode(message);
            } else {
                if (engaged == null)
                    engaged = new ArrayList<>(4);
                engaged.add(engagements.decode(message));
            }
        }
        return shown == null ? null : outcomes.encode(fold(shown, engaged == null ? List.of() : engaged));
    }

    private outcome fold(impression shown, List<engagement> engaged) {
        outcome row = outcome(shown);
        engagement watched = null;
        for (int i = 0; i < engaged.size(); i++) {
            engagement e = engaged.get(i);
            long after = e.getOccurredAt() - shown.getShownAt();
            if (after < -BEFORE_MS || after > windowMs || repeated(engaged, i))
                continue;
            switch (e.getAction()) {
                case view -> row.setViewed(true);
                case click -> row.setClicked(true);
                case like -> row.setLiked(true);
                case share -> row.setShared(true);
                case comment -> row.setCommented(true);
                case follow -> row.setFollowed(true);
                case purchase -> row.setPurchased(true);
                case watch -> { }
                case skip -> row.setSkipped(true);
            }
            row.setEngaged(row.getEngaged() || e.getAction() != action.skip);
            row.setNEngagements(row.getNEngagements() + 1);
            Long first = row.getFirstEngagedAt(), last = row.getLastEngagedAt();
            row.setFirstEngagedAt(first == null ? e.getOccurredAt() : Math.min(first, e.getOccurredAt()));
            row.setLastEngagedAt(last == null ? e.getOccurredAt() : Math.max(last, e.getOccurredAt()));
            if (e.getWatchedSeconds() != null && (watched == null || isLater(e, watched)))
                watched = e;
        }
        if (watched != null) {
            double seconds = watched.getWatchedSeconds();
            Double duration = shown.getDurationSeconds() != null ? shown.getDurationSeconds()
                    : watched.getDurationSeconds();
            row.setWatchedSeconds(seconds);
            row.setCompleted(duration != null && seconds >= 0.95 * duration);
            row.setSkipped(row.getSkipped() || seconds > 0 && seconds < 1);
        }
        return row;
    }

    /** An outcome without engagements. */
    static outcome outcome(impression i) {
        return new outcome(i.getImpressionId(), i.getRequestId(), i.getUserIdToken(), i.getItemId(), i.getSurface(),
                i.getPosition(), i.getShownAt(), i.getSource(), i.getExploreKind(), i.getModelVersion(),
                i.getExperimentGroup(), i.getStrategyId(), i.getItemCluster(), i.getCreatorId(), i.getPlatform(),
                i.getDurationSeconds(), i.getPropensity(), i.getSampledPct(), false, false, false, false, false, false,
                false, false, 0.0, false, false, 0, null, null, List.of(), 1, true);
    }

    private static boolean repeated(List<engagement> engaged, int i) {
        for (int k = 0; k < i; k++)
            if (engaged.get(k).getEngagementId().equals(engaged.get(i).getEngagementId()))
                return true;
        return false;
    }

    /** By event time; the greater engagement_id where times are equal. */
    private static boolean isLater(engagement a, engagement b) {
        return a.getOccurredAt() != b.getOccurredAt() ? a.getOccurredAt() > b.getOccurredAt()
                : a.getEngagementId().compareTo(b.getEngagementId()) > 0;
    }
}
