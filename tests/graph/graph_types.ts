// What answers may hold: Microsoft's types, and what this server has besides. types.test.mjs
// compiles answers against them.

import type * as graph from '@microsoft/microsoft-graph-types';

interface Annotations {
  '@odata.context'?: string;
  '@odata.type'?: string;
}

interface Versioned extends Annotations {
  '@odata.etag'?: string;
}

type Address = graph.EmailAddress & Annotations;
type Recipient = Omit<graph.Recipient, 'emailAddress'> & Annotations & {emailAddress?: Address};
type ItemBody = graph.ItemBody & Annotations;

// A reference's members are those of Graph's beta; an item is not looked into.
export type Attachment =
  | (graph.FileAttachment & {
      '@odata.context'?: string;
      '@odata.type': '#microsoft.graph.fileAttachment';
    })
  | (Omit<graph.ItemAttachment, 'item'> & {
      '@odata.context'?: string;
      '@odata.type': '#microsoft.graph.itemAttachment';
      item?: object;
    })
  | (graph.ReferenceAttachment & {
      '@odata.context'?: string;
      '@odata.type': '#microsoft.graph.referenceAttachment';
      sourceUrl?: string;
      providerType?: string | null;
      permission?: string | null;
      isFolder?: boolean;
    });

// An open type.
export type Extension = graph.OpenTypeExtension & {
  '@odata.context'?: string;
  '@odata.type': '#microsoft.graph.openTypeExtension';
  [member: string]: unknown;
};

export type Post = Omit<
  graph.Post,
  'attachments' | 'body' | 'extensions' | 'from' | 'inReplyTo' | 'newParticipants' | 'sender'
> &
  Versioned & {
    attachments?: Attachment[];
    'attachments@odata.nextLink'?: string;
    body?: ItemBody;
    extensions?: Extension[];
    'extensions@odata.nextLink'?: string;
    from?: Recipient;
    inReplyTo?: Post | null;
    newParticipants?: Recipient[];
    sender?: Recipient;
  };

export type Thread = Omit<graph.ConversationThread, 'ccRecipients' | 'posts' | 'toRecipients'> &
  Versioned & {
    ccRecipients?: Recipient[];
    conversationId?: string;
    createdDateTime?: string;
    lastModifiedDateTime?: string;
    posts?: Post[];
    'posts@odata.nextLink'?: string;
    toRecipients?: Recipient[];
  };

export type Conversation = Omit<graph.Conversation, 'threads'> &
  Annotations & {
    createdDateTime?: string;
    threads?: Thread[];
    'threads@odata.nextLink'?: string;
  };

export type Group = graph.Group & Annotations;
export type User = graph.User & Annotations;
export type DirectoryObject =
  | (graph.User & {'@odata.context'?: string; '@odata.type': '#microsoft.graph.user'})
  | (graph.Group & {'@odata.context'?: string; '@odata.type': '#microsoft.graph.group'});

interface Removed {
  '@removed': {reason: 'deleted'};
  id: string;
}

export interface Page<Item> {
  '@odata.context': string;
  '@odata.count'?: number;
  '@odata.nextLink'?: string;
  value: Item[];
}

export interface Changes<Item> {
  '@odata.context': string;
  '@odata.deltaLink'?: string;
  '@odata.nextLink'?: string;
  value: (Item | Removed)[];
}
