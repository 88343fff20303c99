// Without a badge of a validator, which is another host's.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#viewer",
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  // Credentials typed in are for this page, and are not kept.
  persistAuthorization: false,
});
