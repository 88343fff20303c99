#ifndef THREADSTORE_SERVER_BASE_FACE_METADATA_H_
#define THREADSTORE_SERVER_BASE_FACE_METADATA_H_

// The metadata with which the HTTP face tells the gRPC face of its own caller, over the channel
// within the process. Believed only together with the secret, which nobody else knows. Names that
// end with `-bin` are of values that may have any bytes.
namespace threadstore::face_metadata {

inline constexpr char kSecret[] = "x-threadstore-face-secret";

// The address of the caller, without its port.
inline constexpr char kPeer[] = "x-threadstore-face-peer";

// Each value of its `Authorization`.
inline constexpr char kAuthorization[] = "x-threadstore-face-authorization-bin";

// Of its certificate, if it has shown one: the subject, which may be empty, and each SPIFFE id.
inline constexpr char kSubject[] = "x-threadstore-face-subject-bin";
inline constexpr char kSpiffeId[] = "x-threadstore-face-spiffe-bin";

// There, with any value, if another call for the same request of HTTP has been charged to the
// caller.
inline constexpr char kCharged[] = "x-threadstore-face-charged";

}  // namespace threadstore::face_metadata

#endif  // THREADSTORE_SERVER_BASE_FACE_METADATA_H_
